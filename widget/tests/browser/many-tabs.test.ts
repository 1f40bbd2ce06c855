// Many tabs, long sleeps and revocations: what operators and laptops do to a chat.

import { expect, test } from "vitest";
import { Tab } from "./support/tab.ts";
import { eventually } from "./support/wait.ts";
import { begin, someone } from "./support/world.ts";

const world = begin();

test("a ninth tab takes the oldest one's place, which doesn't fight for it", async () => {
  const context = await world.customer();
  const tabs = [await Tab.open(context, world, { provider: "none" })];
  const conversation = await tabs[0]?.start();
  for (let count = 1; count < 9; count += 1) {
    const tab = await Tab.open(context, world, { provider: "none" });
    expect(await tab.conversation()).toBe(conversation);
    tabs.push(tab);
  }
  const [oldest, ...others] = tabs;
  await eventually(async () => (await oldest?.heard("connection"))?.map(({ code }) => code)).toContain(4503);
  await others.at(-1)?.say("From the ninth");
  for (const tab of others) {
    await eventually(() => tab.shown()).toEqual(["customer: From the ninth"]);
    expect((await tab.heard("connection")).map(({ code }) => code)).not.toContain(4503);
  }
  // It comes back when its customer uses it.
  await oldest?.say("From the first");
  await world.desk.expectSaid(conversation ?? "", ["customer: From the ninth", "customer: From the first"]);
});

test("a laptop that slept past its token's end comes back signed in, with what was said meanwhile", async () => {
  const [context, anna] = [await world.customer(), someone()];
  await context.clock.install();
  await world.shop.login(context, anna);
  world.shop.lifetime = 3;
  const tab = await Tab.open(context, world);
  const conversation = await tab.start();
  world.gateway.network.silence();
  await tab.page.clock.pauseAt(Date.now() + 60_000);
  await eventually(() => world.desk.transitions(conversation)).toContain("downgraded token_expired");
  await world.desk.say(conversation, "Are you asleep?");
  world.shop.lifetime = 900;
  world.gateway.network.restore();
  await tab.page.clock.resume();
  await tab.page.clock.fastForward(3_600_000);
  await tab.page.evaluate(() => {
    document.dispatchEvent(new Event("visibilitychange"));
    window.dispatchEvent(new Event("online"));
  });
  await eventually(() => tab.shown()).toEqual(["agent: Are you asleep?"]);
  await eventually(() => tab.status()).toBe("authenticated");
  await tab.say("Good morning");
  await world.desk.expectSaid(conversation, ["agent: Are you asleep?", "customer: Good morning"]);
});

test("a revoked sign-in is told, and a token that is issued afterwards signs in again", async () => {
  const [context, anna] = [await world.customer(), someone()];
  await world.shop.login(context, anna);
  const tab = await Tab.open(context, world);
  const conversation = await tab.start();
  await world.desk.revoke(conversation);
  await eventually(() => tab.status()).toBe("anonymous");
  expect(await tab.reasons()).toEqual(["revoked"]);
  expect(await tab.signIn()).toBe(true);
  await tab.say("It is still me");
  await world.desk.expectSaid(conversation, ["customer: It is still me"]);
});

test("a widget that isn't there is told once, and not asked for again and again", async () => {
  const context = await world.customer();
  await context.clock.install();
  const tab = await Tab.open(context, world, { widget: "nowhere" });
  expect(await tab.refusedStart()).toBe("widget_unknown");
  const links = world.gateway.network.links.length;
  for (let minute = 0; minute < 5; minute += 1) {
    await tab.page.clock.fastForward(60_000);
  }
  expect(world.gateway.network.links.length - links).toBeLessThan(2);
  const [error] = await tab.heard("error");
  expect(error?.action).not.toBe("");
});

test("a page that isn't allowed to have the widget is told so", async () => {
  const context = await world.customer();
  const page = await context.newPage();
  const origin = world.shop.url.replace("127.0.0.1", "shop.localhost");
  await page.goto(`${origin}/headless.html?provider=none`);
  const tab = new Tab(page);
  await tab.ready();
  expect(await tab.refusedStart()).toMatch(/origin_not_allowed|widget_unknown/);
});
