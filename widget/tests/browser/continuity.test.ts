// One conversation over reloads and tabs.

import { expect, test } from "vitest";
import { Tab } from "./support/tab.ts";
import { eventually } from "./support/wait.ts";
import { begin, someone } from "./support/world.ts";

const world = begin();

test("a reloaded page goes on with the same conversation and shows what was said", async () => {
  const context = await world.customer();
  const tab = await Tab.open(context, world);
  const conversation = await tab.start();
  await tab.say("Hello");
  await world.desk.say(conversation, "Good morning");
  await eventually(() => tab.shown()).toHaveLength(2);

  await tab.reload();
  expect(await tab.conversation()).toBe(conversation);
  const said = ["customer: Hello", "agent: Good morning"];
  await eventually(() => tab.shown()).toEqual(said);
  const [started] = await tab.heard("started");
  expect(started).toMatchObject({ resumed: true, conversation });
  expect((await tab.heard("message")).every(({ past }) => past)).toBe(true);
  await tab.say("I am back");
  await world.desk.expectSaid(conversation, [...said, "customer: I am back"]);
  expect((await world.desk.events(conversation)).filter(({ type }) => type.endsWith(".started"))).toHaveLength(1);
});

test("a message that was typed right before a reload is said once", async () => {
  const context = await world.customer();
  const tab = await Tab.open(context, world);
  const conversation = await tab.start();
  for (let round = 0; round < 3; round += 1) {
    await tab.say(`Before ${round}`);
    await tab.reload();
    await tab.conversation();
  }
  await world.desk.expectSaid(conversation, ["customer: Before 0", "customer: Before 1", "customer: Before 2"]);
});

test("a second tab is in the same conversation, and each shows what the other says", async () => {
  const context = await world.customer();
  const first = await Tab.open(context, world);
  const conversation = await first.start();
  await first.say("From the first");
  const second = await Tab.open(context, world);
  expect(await second.conversation()).toBe(conversation);
  await second.say("From the second");
  await world.desk.say(conversation, "To both");

  const said = ["customer: From the first", "customer: From the second", "agent: To both"];
  for (const tab of [first, second]) {
    await eventually(() => tab.shown()).toEqual(said);
  }
  await world.desk.expectSaid(conversation, said);
});

test("a tab that was cut by the first sign-in comes back by itself with the shared token", async () => {
  const [context, anna] = [await world.customer(), someone()];
  const [first, second] = [await Tab.open(context, world), await Tab.open(context, world, { provider: "none" })];
  const conversation = await first.start();
  await second.start();
  await second.say("From the page that knows of no sign-in");
  await world.shop.login(context, anna);
  world.shop.calls = 0;
  expect(await first.signIn()).toBe(true);

  await eventually(async () => (await second.heard("connection")).map(({ code }) => code)).toContain(4004);
  await eventually(() => second.status()).toBe("authenticated");
  expect(await second.conversation()).toBe(conversation);
  await second.say("And still here");
  const said = ["customer: From the page that knows of no sign-in", "customer: And still here"];
  for (const tab of [first, second]) {
    await eventually(() => tab.shown()).toEqual(said);
    expect((await tab.state()).authentication).toMatchObject({ subject: anna });
  }
  await world.desk.expectSaid(conversation, said);
  expect(world.shop.calls, "the shared token serves: the shop isn't asked again").toBe(1);
});

test("an operator's cut (4004) is survived by every tab, signed in or not", async () => {
  const [context, anna] = [await world.customer(), someone()];
  const anonymous = await Tab.open(await world.customer(), world);
  const alone = await anonymous.start();
  await world.shop.login(context, anna);
  const tabs = [await Tab.open(context, world), await Tab.open(context, world)];
  const shared = await tabs[0]?.start();
  await tabs[1]?.start();
  for (const conversation of [alone, shared ?? ""]) {
    await world.desk.reconnect(conversation);
  }
  for (const tab of [anonymous, ...tabs]) {
    await eventually(async () => (await tab.heard("connection")).map(({ code }) => code)).toContain(4004);
    await tab.conversation();
    await tab.say("Back");
  }
  await world.desk.expectSaid(alone, ["customer: Back"]);
  await world.desk.expectSaid(shared ?? "", ["customer: Back", "customer: Back"]);
});

test("the conversation's end reaches every tab, and the next one is new", async () => {
  const context = await world.customer();
  const first = await Tab.open(context, world);
  const conversation = await first.start();
  const second = await Tab.open(context, world);
  await second.conversation();
  await world.desk.end(conversation);
  for (const tab of [first, second]) {
    await eventually(async () => (await tab.state()).connection).toBe("ended");
    expect((await tab.heard("ended"))[0]).toMatchObject({ by: "agent", past: false });
  }
  const next = await first.start();
  expect(next).not.toBe(conversation);
  await first.say("Something else");
  await world.desk.expectSaid(next, ["customer: Something else"]);
});

test("the back-forward cache or a tab put aside loses nothing", async () => {
  const context = await world.customer();
  const tab = await Tab.open(context, world);
  const conversation = await tab.start();
  await tab.say("Before");
  await tab.page.goto(`${world.shop.url}/raw.html`);
  await world.desk.say(conversation, "While away");
  await tab.page.goBack();
  await tab.ready();
  await eventually(() => tab.shown()).toEqual(["customer: Before", "agent: While away"]);
  await tab.say("After");
  await world.desk.expectSaid(conversation, ["customer: Before", "agent: While away", "customer: After"]);
});
