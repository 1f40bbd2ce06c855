// The gateway goes away under an open chat, by force or by draining.

import { expect, test } from "vitest";
import { Tab } from "./support/tab.ts";
import { eventually } from "./support/wait.ts";
import { begin, someone } from "./support/world.ts";

const world = begin({ limits: { drain_for: "2s" } });

test("a gateway that is killed and restarted under open chats costs them nothing", async () => {
  const [context, anna] = [await world.customer(), someone()];
  await world.shop.login(context, anna);
  const [signed, unsigned] = [await Tab.open(context, world), await Tab.open(await world.customer(), world)];
  const ids = [await signed.start(), await unsigned.start()];
  await signed.say("Before");
  await unsigned.say("Before");
  await world.gateway.kill();
  for (const tab of [signed, unsigned]) {
    await eventually(async () => (await tab.state()).connection).not.toBe("open");
    await tab.type("Meanwhile");
  }
  await world.gateway.start();
  for (const [index, tab] of [signed, unsigned].entries()) {
    expect(await tab.conversation()).toBe(ids[index]);
    await eventually(() => tab.deliveries()).toEqual(["Before sent", "Meanwhile sent"]);
    await world.desk.expectSaid(ids[index] ?? "", ["customer: Before", "customer: Meanwhile"]);
  }
  expect(await signed.status()).toBe("authenticated");
  expect(await world.desk.of(anna)).toHaveLength(1);
});

test("a gateway that drains and comes back is met again, and what was typed meanwhile is said once", async () => {
  const tab = await Tab.open(await world.customer(), world);
  const conversation = await tab.start();
  await tab.say("Before");
  const gone = world.gateway.drain();
  await tab.type("During");
  expect(await gone).toBe(0);
  await tab.type("After it was gone");
  await world.gateway.start();
  expect(await tab.conversation()).toBe(conversation);
  await eventually(async () => (await tab.deliveries()).every((delivery) => delivery.endsWith(" sent"))).toBe(true);
  const said = ["customer: Before", "customer: During", "customer: After it was gone"];
  await world.desk.expectSaid(conversation, said);
  await eventually(() => tab.shown()).toEqual(said);
});

test("told that its node drains, a chat opens the new socket before the old one closes", async () => {
  const tab = await Tab.open(await world.customer(), world);
  const conversation = await tab.start();
  const chats = () => world.gateway.network.links.filter(({ head }) => head.startsWith("GET /chat/")).length;
  const before = chats();
  let most = 0;
  const watch = setInterval(() => (most = Math.max(most, world.gateway.network.openChats())), 1);
  // A load balancer leads new sockets to another node while this one still serves; here both are the same gateway.
  world.gateway.network.inject({ type: "draining", reconnect_after_ms: 400 });
  await eventually(() => chats()).toBe(before + 1);
  await tab.say("In between");
  await eventually(() => world.gateway.network.openChats()).toBe(1);
  clearInterval(watch);
  expect(most).toBe(2);
  const states = (await tab.heard("connection")).map(({ state }) => state);
  expect(states, "nobody noticed anything").not.toContain("waiting");
  await world.desk.say(conversation, "Seen");
  await eventually(() => tab.shown()).toEqual(["customer: In between", "agent: Seen"]);
  await world.desk.expectSaid(conversation, ["customer: In between", "agent: Seen"]);
});
