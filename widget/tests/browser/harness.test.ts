// What the other tests stand on, shown by a page that speaks the protocol itself.

import { expect, test } from "vitest";
import type { Page } from "playwright-core";
import { mint } from "./support/tokens.ts";
import { eventually } from "./support/wait.ts";
import { begin, someone, visit } from "./support/world.ts";

interface Frame {
  type: string;
  [member: string]: unknown;
}

declare global {
  interface Window {
    connect(): Promise<unknown>;
    say(frame: object): void;
    received: Frame[];
  }
}

const world = begin({ limits: { drain_for: "1s" } });

async function raw(): Promise<Page> {
  return visit(await world.customer(), world, "raw.html");
}

async function say(page: Page, frame: object): Promise<void> {
  await page.evaluate((frame) => window.say(frame), frame);
}

async function got(page: Page, type: string): Promise<Frame> {
  await eventually(() => page.evaluate(() => window.received.map((frame) => frame.type))).toContain(type);
  const frames = await page.evaluate(() => window.received);
  return frames.find((frame) => frame.type === type) ?? { type };
}

test("a page speaks to the gateway, and the desk reads it", async () => {
  const [page, customer] = [await raw(), someone()];
  await page.evaluate(() => window.connect());
  await say(page, { type: "start", token: mint(customer, 60, { cart_value: 12 }) });
  const started = await got(page, "started");
  expect(started.authentication).toMatchObject({ status: "authenticated", subject: customer });
  await say(page, { type: "message", id: "1", text: "Hello" });
  await got(page, "accepted");

  const [summary] = await world.desk.of(customer);
  expect(summary).toMatchObject({ id: started.conversation, authenticated: true });
  expect(summary?.variables.cart_value).toMatchObject({ value: 12, verified: true });
  await world.desk.say(String(started.conversation), "Good morning");
  expect(await got(page, "message")).toMatchObject({ from: "agent", text: "Good morning", name: "Ines" });
  await world.desk.expectSaid(String(started.conversation), ["customer: Hello", "agent: Good morning"]);
});

test("the network can be cut, silenced and restored, and the gateway stays where it was over a restart", async () => {
  const page = await raw();
  await page.evaluate(() => window.connect());
  expect(world.gateway.network.openChats()).toBe(1);
  world.gateway.network.cut();
  expect(await got(page, "close")).toMatchObject({ code: 1006 });
  expect(world.gateway.network.openChats()).toBe(0);

  world.gateway.network.restore();
  await world.gateway.kill();
  await world.gateway.start();
  await page.evaluate(() => window.connect());
  await say(page, { type: "start" });
  const { conversation } = await got(page, "started");
  world.gateway.network.silence();
  await world.desk.say(String(conversation), "Are you there?");
  await world.desk.expectSaid(String(conversation), ["agent: Are you there?"]);
  expect(await page.evaluate(() => window.received.map((frame) => frame.type))).toEqual(["close", "started"]);
  world.gateway.network.restore();
});

test("a drained gateway says so to the page, and ends by itself", async () => {
  const page = await raw();
  await page.evaluate(() => window.connect());
  await say(page, { type: "start" });
  await got(page, "started");
  expect(await world.gateway.drain()).toBe(0);
  await got(page, "draining");
  expect(await got(page, "close")).toMatchObject({ code: 1012 });
  await world.gateway.start();
});

test("the shop signs its customers in by cookie, counts, and fails as it is told", async () => {
  const context = await world.customer();
  const page = await visit(context, world, "raw.html");
  const token = () => page.evaluate(async () => (await fetch("/token")).text());
  expect(await token()).toBe("");
  await world.shop.login(context, "ben");
  expect((await token()).split(".")).toHaveLength(3);
  expect(world.shop.calls).toBe(2);
  world.shop.answer = "fail";
  expect(await token()).toBe("the token service is down");
});

test("a page that violates its policy, and one that throws, fail their test", async () => {
  const page = await visit(await world.customer(), world, "strict.html", { policy: "strict" });
  await page.evaluate(() => {
    setTimeout(() => {
      throw new Error("nobody catches this");
    });
    setTimeout(() => (document.body.innerHTML = "<b>markup</b>"));
  });
  await eventually(() => world.errors().join()).toMatch(/nobody catches this/);
  await eventually(() => world.errors().join()).toMatch(/the policy forbids it: require-trusted-types-for/);
  world.tolerate(/nobody catches this|trusted|TrustedHTML/);
});
