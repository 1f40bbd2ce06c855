// A token is renewed at three quarters of its life, by one tab for all.

import { expect, test } from "vitest";
import { Tab } from "./support/tab.ts";
import { eventually } from "./support/wait.ts";
import { begin, someone } from "./support/world.ts";

const world = begin();

test("three tabs refresh with exactly one call of the provider, each time", async () => {
  const [context, anna] = [await world.customer(), someone()];
  await world.shop.login(context, anna);
  world.shop.lifetime = 4;
  const first = await Tab.open(context, world);
  const conversation = await first.start();
  const tabs = [first, await Tab.open(context, world), await Tab.open(context, world)];
  for (const tab of tabs) {
    expect(await tab.conversation()).toBe(conversation);
  }

  await eventually(() => first.reasons()).toContain("token_refreshed");
  world.shop.calls = 0;
  const transitions = (await world.desk.transitions(conversation)).length;
  await eventually(async () => (await world.desk.transitions(conversation)).length).toBe(transitions + 3);
  expect(world.shop.calls).toBe(3);
  for (const tab of tabs) {
    expect(await tab.status()).toBe("authenticated");
    expect(await tab.errors()).toEqual([]);
  }
  const reasons = new Set(await world.desk.transitions(conversation));
  expect([...reasons]).toEqual(["authenticated token_refreshed"]);
});

test("the tab that refreshes may go: another does it", async () => {
  const [context, anna] = [await world.customer(), someone()];
  await world.shop.login(context, anna);
  world.shop.lifetime = 5;
  const first = await Tab.open(context, world);
  const conversation = await first.start();
  const second = await Tab.open(context, world);
  await second.conversation();
  await first.page.close();
  const before = (await second.reasons()).length;
  await eventually(async () => (await second.reasons()).length).toBeGreaterThan(before + 1);
  expect(await second.status()).toBe("authenticated");
  expect(await world.desk.transitions(conversation)).not.toContain("downgraded token_expired");
});

test("a refresh that fails is tried again before the token's end", async () => {
  const [context, anna] = [await world.customer(), someone()];
  await world.shop.login(context, anna);
  world.shop.lifetime = 8;
  const tab = await Tab.open(context, world);
  const conversation = await tab.start();
  world.shop.answer = "fail";
  world.shop.calls = 0;
  await eventually(() => world.shop.calls).toBe(1);
  world.shop.answer = "mint";
  await eventually(() => tab.reasons()).toEqual(["token_refreshed"]);
  expect(await world.desk.transitions(conversation)).toEqual(["authenticated token_refreshed"]);
});

test("a page whose clock is an hour wrong refreshes in time all the same", async () => {
  for (const hours of [-1, 1]) {
    const [context, anna] = [await world.customer(), someone()];
    await context.clock.install({ time: Date.now() + hours * 3_600_000 });
    await world.shop.login(context, anna);
    world.shop.lifetime = 5;
    world.shop.calls = 0;
    const tab = await Tab.open(context, world);
    const conversation = await tab.start();
    await eventually(() => tab.reasons()).toContain("token_refreshed");
    expect(await world.desk.transitions(conversation)).not.toContain("downgraded token_expired");
    expect(world.shop.calls).toBeLessThan(4);
    await context.close();
  }
});

test("a refreshed token brings its variables along", async () => {
  const [context, anna] = [await world.customer(), someone()];
  await world.shop.login(context, anna);
  world.shop.context = { cart_value: 1 };
  const tab = await Tab.open(context, world);
  const conversation = await tab.start();
  world.shop.context = { cart_value: 2 };
  expect(await tab.signIn()).toBe(true);
  const { variables } = await world.desk.conversation(conversation);
  expect(variables.cart_value).toMatchObject({ value: 2, verified: true });
});
