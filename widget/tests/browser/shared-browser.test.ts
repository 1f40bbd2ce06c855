// A browser that several people use: the next customer sees nothing of the first.

import { expect, test } from "vitest";
import { Tab } from "./support/tab.ts";
import { eventually } from "./support/wait.ts";
import { begin, someone } from "./support/world.ts";

const world = begin();

test("after signing out nothing is left in any tab, and the next customer gets a chat of their own", async () => {
  const [context, anna, ben] = [await world.customer(), someone("anna"), someone("ben")];
  await world.shop.login(context, anna);
  const first = await Tab.open(context, world);
  const annas = await first.start();
  const second = await Tab.open(context, world);
  await second.conversation();
  await first.say("My address is 1 Main Street");

  await first.page.evaluate(() => window.chat.signOut());
  await world.shop.login(context, ben);
  for (const tab of [first, second]) {
    await eventually(() => tab.shown()).toEqual([]);
    expect((await tab.heard("cleared")).map(({ reason }) => reason)).toContain("signed_out");
    expect((await tab.state()).conversation).toBeNull();
  }
  expect(await first.stored()).toEqual({});
  await eventually(async () => (await world.desk.conversation(annas)).authenticated).toBe(false);
  expect((await world.desk.transitions(annas)).filter((change) => change.startsWith("downgraded"))).toEqual([
    "downgraded signed_out",
  ]);

  const bens = await first.start();
  expect(bens).not.toBe(annas);
  expect((await first.state()).authentication).toMatchObject({ subject: ben });
  expect(await first.shown()).toEqual([]);
  await first.say("Hello, I am Ben");
  await world.desk.expectSaid(annas, ["customer: My address is 1 Main Street"]);
  await world.desk.expectSaid(bens, ["customer: Hello, I am Ben"]);
});

test("signing out offline leaves nothing either", async () => {
  const [context, anna] = [await world.customer(), someone("anna")];
  await world.shop.login(context, anna);
  const tab = await Tab.open(context, world);
  await tab.start();
  await tab.say("A secret");
  world.gateway.network.cut();
  await tab.page.evaluate(() => window.chat.signOut());
  await world.shop.logout(context);
  expect(await tab.shown()).toEqual([]);
  expect(await tab.stored()).toEqual({});
  world.gateway.network.restore();
  await tab.reload();
  expect((await tab.state()).conversation).toBeNull();
  await tab.start();
  expect(await tab.shown()).toEqual([]);
});

test("where the first customer never signed out, the next one's page shows nothing of theirs", async () => {
  const [context, anna, ben] = [await world.customer(), someone("anna"), someone("ben")];
  await world.shop.login(context, anna);
  const tab = await Tab.open(context, world);
  const annas = await tab.start();
  await tab.say("My address is 1 Main Street");
  await world.shop.login(context, ben);
  await tab.reload();
  await eventually(async () => (await tab.heard("cleared")).map(({ reason }) => reason)).toContain("customer_changed");
  expect(await tab.errors()).toContain("subject_mismatch");
  expect((await tab.heard("message")).map(({ text }) => text)).toEqual([]);

  const bens = await tab.start();
  expect(bens).not.toBe(annas);
  expect(await tab.shown()).toEqual([]);
  await tab.say("Hello, I am Ben");
  await world.desk.expectSaid(annas, ["customer: My address is 1 Main Street"]);
  await world.desk.expectSaid(bens, ["customer: Hello, I am Ben"]);
});

test("where another customer's token comes at a refresh, the open page shows nothing more of the first", async () => {
  const [context, anna, ben] = [await world.customer(), someone("anna"), someone("ben")];
  await world.shop.login(context, anna);
  world.shop.lifetime = 4;
  const first = await Tab.open(context, world);
  const annas = await first.start();
  const second = await Tab.open(context, world);
  await second.conversation();
  await first.say("My address is 1 Main Street");
  await world.shop.login(context, ben);
  for (const tab of [first, second]) {
    const why = async () => (await tab.heard("cleared")).map(({ reason }) => reason);
    await eventually(why).toContain("customer_changed");
    expect(await tab.shown()).toEqual([]);
  }
  expect(JSON.stringify(await first.stored())).not.toContain(annas);
  await world.desk.expectSaid(annas, ["customer: My address is 1 Main Street"]);
});

test("a tab that the next customer opens takes the first one's chat off every other tab", async () => {
  const [context, anna, ben] = [await world.customer(), someone("anna"), someone("ben")];
  await world.shop.login(context, anna);
  const annasTab = await Tab.open(context, world);
  const annas = await annasTab.start();
  await annasTab.say("My address is 1 Main Street");
  await world.shop.login(context, ben);
  const bensTab = await Tab.open(context, world);
  await eventually(() => annasTab.shown()).toEqual([]);
  const bens = await bensTab.start();
  expect(bens).not.toBe(annas);
  expect((await bensTab.heard("message")).map(({ text }) => text)).toEqual([]);
  await bensTab.say("Hello, I am Ben");
  await world.desk.expectSaid(annas, ["customer: My address is 1 Main Street"]);
  await world.desk.expectSaid(bens, ["customer: Hello, I am Ben"]);
});

test("a customer who never signed in leaves by `leave`, and the next one begins anew", async () => {
  const context = await world.customer();
  const tab = await Tab.open(context, world, { provider: "none" });
  const left = await tab.start();
  await tab.say("For my eyes only");
  await tab.page.evaluate(() => window.chat.leave());
  expect(await tab.shown()).toEqual([]);
  expect(await tab.stored()).toEqual({});
  await tab.reload();
  expect(await tab.start()).not.toBe(left);
  expect(await tab.shown()).toEqual([]);
});
