// The network goes away and comes back: what was typed meanwhile is said once.

import { expect, test } from "vitest";
import type { BrowserContext } from "playwright-core";
import { Tab } from "./support/tab.ts";
import { eventually } from "./support/wait.ts";
import { begin, someone } from "./support/world.ts";

const world = begin();

async function goOffline(context: BrowserContext): Promise<void> {
  world.gateway.network.cut();
  await context.setOffline(true);
}

async function comeBack(context: BrowserContext): Promise<void> {
  world.gateway.network.restore();
  await context.setOffline(false);
}

test("what is typed during a minute offline waits, and is said once and in order afterwards", async () => {
  const context = await world.customer();
  await context.clock.install();
  const tab = await Tab.open(context, world);
  const conversation = await tab.start();
  await tab.say("Before");
  await goOffline(context);
  await eventually(async () => (await tab.state()).connection).toBe("waiting");
  await tab.type("First");
  await tab.type("Second");
  for (let second = 0; second < 60; second += 10) {
    await tab.page.clock.fastForward(10_000);
  }
  expect(await tab.deliveries()).toEqual(["Before sent", "First waiting", "Second waiting"]);
  expect((await tab.state()).waiting).toBe(2);
  await world.desk.say(conversation, "Meanwhile");

  await comeBack(context);
  await eventually(() => tab.deliveries()).toEqual(["Before sent", "First sent", "Second sent"]);
  const said = ["customer: Before", "agent: Meanwhile", "customer: First", "customer: Second"];
  await world.desk.expectSaid(conversation, said);
  await eventually(() => tab.shown()).toEqual(said);
});

test("a connection that goes silent is found out when the page is looked at again, and nothing is lost", async () => {
  const context = await world.customer();
  const tab = await Tab.open(context, world);
  const conversation = await tab.start();
  world.gateway.network.silence();
  await tab.type("Into the void");
  await world.desk.say(conversation, "Unheard");
  world.gateway.network.restore();
  // What a laptop that wakes up tells the page.
  await tab.page.evaluate(() => {
    document.dispatchEvent(new Event("visibilitychange"));
    window.dispatchEvent(new Event("online"));
  });
  await eventually(() => tab.deliveries()).toEqual(["Into the void sent"]);
  await eventually(() => tab.shown()).toHaveLength(2);
  expect((await world.desk.said(conversation)).sort()).toEqual(["agent: Unheard", "customer: Into the void"]);
});

test("connections that break again and again duplicate nothing", async () => {
  const tab = await Tab.open(await world.customer(), world);
  const conversation = await tab.start();
  const said: string[] = [];
  for (let round = 0; round < 12; round += 1) {
    await tab.type(`Line ${round}`);
    said.push(`customer: Line ${round}`);
    world.gateway.network.breakAll();
  }
  await eventually(async () => (await tab.deliveries()).every((delivery) => delivery.endsWith(" sent"))).toBe(true);
  await world.desk.expectSaid(conversation, said);
  await eventually(() => tab.shown()).toEqual(said);
});

test("two tabs that go offline say what was typed in each, once", async () => {
  const [context, anna] = [await world.customer(), someone()];
  await world.shop.login(context, anna);
  const first = await Tab.open(context, world);
  const conversation = await first.start();
  const second = await Tab.open(context, world);
  await second.conversation();
  await goOffline(context);
  await first.type("First tab");
  await second.type("Second tab");
  await comeBack(context);
  for (const tab of [first, second]) {
    await eventually(() => tab.shown()).toHaveLength(2);
    expect(await tab.status()).toBe("authenticated");
  }
  expect((await world.desk.said(conversation)).sort()).toEqual(["customer: First tab", "customer: Second tab"]);
});

test("a chat that is begun without a network begins when there is one", async () => {
  const [context, anna] = [await world.customer(), someone()];
  await world.shop.login(context, anna);
  const tab = await Tab.open(context, world);
  world.gateway.network.cut();
  await tab.type("Anybody there?");
  await eventually(async () => (await tab.state()).connection).toBe("waiting");
  world.gateway.network.restore();
  const conversation = await tab.conversation();
  await eventually(() => tab.deliveries()).toEqual(["Anybody there? sent"]);
  await world.desk.expectSaid(conversation, ["customer: Anybody there?"]);
  expect(await world.desk.of(anna)).toHaveLength(1);
});

test("a start whose answer is lost on the way begins one conversation", async () => {
  const tab = await Tab.open(await world.customer(), world, { provider: "none" });
  const before = (await world.desk.all()).length;
  // The gateway hears the start; what it answers never arrives.
  world.gateway.network.deafen();
  await tab.type("Hello");
  await eventually(async () => (await world.desk.all()).length).toBe(before + 1);
  world.gateway.network.restore();
  world.gateway.network.breakAll();
  const conversation = await tab.conversation();
  await eventually(() => tab.deliveries()).toEqual(["Hello sent"]);
  await world.desk.expectSaid(conversation, ["customer: Hello"]);
  expect(await world.desk.all()).toHaveLength(before + 1);
});

test("a message whose acknowledgement is lost on the way is said once", async () => {
  const tab = await Tab.open(await world.customer(), world, { provider: "none" });
  const conversation = await tab.start();
  world.gateway.network.deafen();
  await tab.type("Once");
  await world.desk.expectSaid(conversation, ["customer: Once"]);
  expect(await tab.deliveries()).toEqual(["Once waiting"]);
  world.gateway.network.restore();
  world.gateway.network.breakAll();
  await eventually(() => tab.deliveries()).toEqual(["Once sent"]);
  expect(await tab.shown()).toEqual(["customer: Once"]);
  await world.desk.expectSaid(conversation, ["customer: Once"]);
});
