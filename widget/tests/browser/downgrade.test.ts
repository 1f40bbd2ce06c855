// The token's time runs out: the chat goes on without sign-in, and comes back to it.

import { expect, test } from "vitest";
import { Tab } from "./support/tab.ts";
import { eventually } from "./support/wait.ts";
import { begin, someone } from "./support/world.ts";

const world = begin();

test("a chat whose token runs out goes on unsigned in all tabs, and is signed in again when there is one", async () => {
  const [context, anna] = [await world.customer(), someone()];
  await world.shop.login(context, anna);
  world.shop.lifetime = 3;
  const first = await Tab.open(context, world);
  const conversation = await first.start();
  const second = await Tab.open(context, world);
  await second.conversation();
  await first.say("Signed");

  world.shop.answer = "empty";
  for (const tab of [first, second]) {
    await eventually(() => tab.status()).toBe("anonymous");
    expect((await tab.state()).was_authenticated).toBe(true);
    expect(await tab.reasons()).toContain("token_expired");
  }
  await second.say("Unsigned");
  expect(await first.conversation()).toBe(conversation);

  world.shop.answer = "mint";
  world.shop.lifetime = 900;
  expect(await first.signIn()).toBe(true);
  await eventually(() => second.status()).toBe("authenticated");
  await first.say("Signed again");
  const messages = (await world.desk.events(conversation)).filter((event) => event.type.endsWith(".message"));
  expect(messages.map(({ data }) => data.authenticated)).toEqual([true, false, true]);
  await world.desk.expectSaid(conversation, ["customer: Signed", "customer: Unsigned", "customer: Signed again"]);
  const transitions = await world.desk.transitions(conversation);
  expect(transitions.filter((transition) => transition === "downgraded token_expired")).toHaveLength(1);
});

test("a downgraded chat is there after a reload, though no token is to be had", async () => {
  const [context, anna] = [await world.customer(), someone()];
  await world.shop.login(context, anna);
  world.shop.lifetime = 2;
  const tab = await Tab.open(context, world);
  const conversation = await tab.start();
  await tab.say("Hello");
  world.shop.answer = "empty";
  await eventually(() => tab.status()).toBe("anonymous");
  await tab.type("Still there");
  await eventually(() => tab.deliveries()).toContain("Still there sent");

  // Without a token nothing of a conversation that was ever signed in is shown.
  await tab.reload();
  await eventually(() => tab.errors()).toContain("authentication_required");
  expect(await tab.shown()).toEqual([]);
  world.shop.answer = "mint";
  world.shop.lifetime = 900;
  await tab.start();
  expect(await tab.conversation()).toBe(conversation);
  await eventually(() => tab.shown()).toEqual(["customer: Hello", "customer: Still there"]);
  await world.desk.expectSaid(conversation, ["customer: Hello", "customer: Still there"]);
});

test("what was typed while a required widget is downgraded is said after the next sign-in, once", async () => {
  const [context, anna] = [await world.customer(), someone()];
  await world.shop.login(context, anna);
  world.shop.lifetime = 2;
  const tab = await Tab.open(context, world, { widget: "required" });
  const conversation = await tab.start();
  world.shop.answer = "fail";
  await eventually(() => tab.status()).toBe("anonymous");
  await tab.type("May I?");
  expect(await tab.deliveries()).toEqual(["May I? waiting"]);
  world.shop.answer = "mint";
  world.shop.lifetime = 900;
  expect(await tab.signIn()).toBe(true);
  await eventually(() => tab.deliveries()).toEqual(["May I? sent"]);
  await world.desk.expectSaid(conversation, ["customer: May I?"]);
});
