// What the page's own script has of the widget: `window.Usher`, and the events on `window`.

import { expect, test } from "vitest";
import { Panel } from "./support/panel.ts";
import type { Recorded } from "./support/tab.ts";
import { eventually } from "./support/wait.ts";
import { begin, someone } from "./support/world.ts";

const world = begin();

test("the events are heard on the window, with their details", async () => {
  const [context, anna] = [await world.customer(), someone()];
  await world.shop.login(context, anna);
  world.shop.lifetime = 4;
  const panel = await Panel.visit(context, world);
  await panel.frame.evaluate(() => window.Usher?.open());
  const conversation = await panel.conversation();
  await panel.frame.evaluate(() => void window.Usher?.send("Hello"));
  await world.desk.expectSaid(conversation, ["customer: Hello"]);
  await eventually(async () => (await panel.heard("token-expiring")).length).toBeGreaterThan(0);
  await eventually(async () => (await panel.heard("authentication")).length).toBeGreaterThan(0);
  await panel.frame.evaluate(() => window.Usher?.end());
  await eventually(async () => (await panel.heard("ended")).length).toBe(1);

  const all = await panel.frame.evaluate(() => (window as unknown as Recorded).heard);
  const heard = all.map(({ name }) => name as string);
  expect(heard[0]).toBe("ready");
  for (const name of ["started", "message", "authentication", "token-expiring", "ended", "connection", "panel"]) {
    expect(heard).toContain(name);
  }
  expect((await panel.heard("started"))[0]).toMatchObject({ conversation, authentication: { subject: anna } });
  expect((await panel.heard("message")).at(-1)).toMatchObject({ text: "Hello", delivery: "sent", past: false });
});

test("the methods do what they say", async () => {
  const panel = await Panel.visit(await world.customer(), world);
  await panel.frame.evaluate(() => window.Usher?.setContextProvider(() => ({ cart_value: 7 })));
  await panel.frame.evaluate(() => window.Usher?.open());
  await panel.field.waitFor();
  const conversation = await panel.conversation();
  const { variables } = await world.desk.conversation(conversation);
  expect(variables.cart_value).toMatchObject({ value: 7, verified: false });

  await panel.frame.evaluate(() => window.Usher?.minimize());
  await panel.launcher.waitFor();
  expect(await panel.state()).toMatchObject({ panel: "minimized", connection: "open" });
  await panel.frame.evaluate(() => window.Usher?.close());
  await eventually(() => panel.launcher.count()).toBe(0);
  expect(await panel.state()).toMatchObject({ panel: "closed" });
  await panel.frame.evaluate(() => window.Usher?.open());
  expect(await panel.conversation()).toBe(conversation);
  await panel.frame.evaluate(() => window.Usher?.signOut());
  await eventually(() => panel.frame.evaluate(() => localStorage.length)).toBe(0);
});

test("a message sent by the page begins a conversation", async () => {
  const panel = await Panel.visit(await world.customer(), world);
  await panel.frame.evaluate(() => void window.Usher?.send("From the page"));
  await world.desk.expectSaid(await panel.conversation(), ["customer: From the page"]);
});
