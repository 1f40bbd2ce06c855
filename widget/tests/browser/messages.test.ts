// Messages: in order, each once, and those that fail say why.

import { expect, test } from "vitest";
import { Tab } from "./support/tab.ts";
import { eventually } from "./support/wait.ts";
import { begin } from "./support/world.ts";

const world = begin({ limits: { messages_per_minute: 60 } });

test("fifty messages at once arrive in order, each once, while the connection breaks among them", async () => {
  const tab = await Tab.open(await world.customer(), world);
  const conversation = await tab.start();
  await tab.page.evaluate(() => {
    for (let line = 0; line < 50; line += 1) {
      window.chat.send(`Line ${line}`);
    }
  });
  world.gateway.network.breakAll();
  const sent = async () => (await tab.deliveries()).filter((delivery) => delivery.endsWith(" sent"));
  await eventually(async () => (await sent()).length).toBe(50);
  const said = Array.from({ length: 50 }, (_, line) => `customer: Line ${line}`);
  await world.desk.expectSaid(conversation, said);
  expect(await tab.shown()).toEqual(said);
});

test("what is over the rate is kept and said when there is room again, in order", async () => {
  const context = await world.customer();
  await context.clock.install();
  const tab = await Tab.open(context, world);
  const conversation = await tab.start();
  await tab.page.evaluate(() => {
    for (let line = 0; line < 62; line += 1) {
      window.chat.send(`Line ${line}`);
    }
  });
  await eventually(() => tab.errors()).toContain("rate_limited");
  await eventually(async () => {
    const waiting = await tab.page.evaluate(() => {
      const failed = window.chat.messages().filter(({ delivery }) => delivery === "failed");
      for (const { id } of failed) {
        window.chat.retry(id ?? "");
      }
      return window.chat.getState().waiting;
    });
    return waiting;
  }).toBe(0);
  const said = await world.desk.said(conversation);
  expect(said).toHaveLength(62);
  expect(new Set(said).size).toBe(62);
});

test("a message that is too long fails and says why, one that just fits is said", async () => {
  const tab = await Tab.open(await world.customer(), world);
  const conversation = await tab.start();
  // A character outside the basic plane counts as one.
  const fits = "𝒳".repeat(6000);
  await tab.type(fits);
  await tab.type(`${fits}!`);
  await eventually(async () => (await tab.deliveries()).map((delivery) => delivery.split(" ").at(-1))).toEqual([
    "sent",
    "failed",
  ]);
  const error = await tab.page.evaluate(() => window.chat.messages().at(-1)?.error);
  expect(error).toMatchObject({ code: "message_too_long", temporary: false });
  expect(error?.action).not.toBe("");
  await world.desk.expectSaid(conversation, [`customer: ${fits}`]);
});

test("every kind of text comes back as it was written", async () => {
  const tab = await Tab.open(await world.customer(), world);
  const conversation = await tab.start();
  const texts = ["line\nbreak", "\u202eright to left", "👩‍👩‍👧‍👦", "\0 nul", 'quotes " \\ and </script>', " leading"];
  for (const text of texts) {
    await tab.type(text);
  }
  await eventually(async () => (await tab.state()).waiting).toBe(0);
  await world.desk.expectSaid(
    conversation,
    texts.map((text) => `customer: ${text}`),
  );
  await tab.reload();
  await eventually(() => tab.shown()).toEqual(texts.map((text) => `customer: ${text}`));
});
