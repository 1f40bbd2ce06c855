// The widget as the gateway itself serves it.

import { expect, test } from "vitest";
import { Panel } from "./support/panel.ts";
import { begin, someone } from "./support/world.ts";

const world = begin();

test("two lines on a page, and the script that the gateway serves, give a signed-in chat", async () => {
  const [context, anna] = [await world.customer(), someone()];
  await world.shop.login(context, anna);
  const panel = await Panel.open(context, world, { file: "two-lines.html" });
  await panel.say("Hello");
  expect((await panel.state()).authentication).toMatchObject({ status: "authenticated", subject: anna });
  await world.desk.expectSaid(await panel.conversation(), ["customer: Hello"]);
});

test("the served script works under a strict policy with Trusted Types", async () => {
  const script = `${world.gateway.url}/widget/v1/usher.js`;
  const panel = await Panel.open(await world.customer(), world, { file: "strict.html", policy: "strict", script });
  await panel.say("Hello");
  await world.desk.expectSaid(await panel.conversation(), ["customer: Hello"]);
});

test("the script may be pinned by its integrity hash", async () => {
  const script = `${world.gateway.url}/widget/v1/usher.js`;
  const bytes = Buffer.from(await (await fetch(script)).arrayBuffer());
  const hash = Buffer.from(await crypto.subtle.digest("SHA-384", bytes)).toString("base64");
  const attributes = `integrity="sha384-${hash}" crossorigin="anonymous"`;
  const panel = await Panel.open(await world.customer(), world, { script, attributes, provider: "none" });
  await panel.say("Hello");

  const context = await world.customer();
  const page = await context.newPage();
  const wrong = new URLSearchParams({ script, attributes: attributes.replace("sha384-", "sha384-A"), lang: "en" });
  await page.goto(`${world.shop.url}/shop.html?${wrong.toString()}`);
  await page.waitForLoadState("load");
  expect(await page.evaluate(() => window.Usher)).toBeUndefined();
});

test("the module that the gateway serves can be imported from another origin", async () => {
  const context = await world.customer();
  const page = await context.newPage();
  await page.goto(`${world.shop.url}/raw.html`);
  const module = `${world.gateway.url}/widget/v1/usher.mjs`;
  const names = await page.evaluate<string[]>(`import("${module}").then((module) => Object.keys(module))`);
  expect(names).toContain("createChat");
});
