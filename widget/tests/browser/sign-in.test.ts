// Signing in: before the chat, during it, and where an agent asks for it.

import { expect, test } from "vitest";
import { Tab } from "./support/tab.ts";
import { eventually } from "./support/wait.ts";
import { begin, someone } from "./support/world.ts";

const world = begin();

test("a customer who is signed in before the chat is authenticated from its first event on", async () => {
  const [context, anna] = [await world.customer(), someone()];
  await world.shop.login(context, anna);
  world.shop.context = { cart_value: 129.5 };
  const tab = await Tab.open(context, world);
  expect(world.shop.calls, "a provider is not called when it is registered").toBe(0);
  const conversation = await tab.start();

  expect(world.shop.calls).toBe(1);
  expect((await tab.state()).authentication).toMatchObject({ status: "authenticated", subject: anna });
  const [started] = await tab.heard("started");
  expect(started).toMatchObject({ conversation, resumed: false, context: { accepted: ["cart_value"] } });
  await tab.say("Where is my parcel?");
  const summary = await world.desk.conversation(conversation);
  expect(summary).toMatchObject({ authenticated: true, authentication: { subject: anna } });
  expect(summary.variables.cart_value).toMatchObject({ value: 129.5, verified: true });
  expect(await world.desk.transitions(conversation)).toEqual([]);
  await world.desk.expectSaid(conversation, ["customer: Where is my parcel?"]);
});

test("a customer who signs in during the chat stays in it, and what was said before stays unsigned", async () => {
  const [context, anna] = [await world.customer(), someone()];
  const tab = await Tab.open(context, world);
  const conversation = await tab.start();
  expect(await tab.status()).toBe("anonymous");
  await tab.say("Hello");

  await world.shop.login(context, anna);
  expect(await tab.signIn()).toBe(true);
  expect(await tab.status()).toBe("authenticated");
  expect(await tab.reasons()).toEqual(["token_presented"]);
  await tab.say("It is me");
  expect(await tab.conversation()).toBe(conversation);
  const messages = (await world.desk.events(conversation)).filter((event) => event.type.endsWith(".message"));
  expect(messages.map(({ data }) => data.authenticated)).toEqual([false, true]);
  await world.desk.expectSaid(conversation, ["customer: Hello", "customer: It is me"]);
  expect(await world.desk.of(anna)).toHaveLength(1);
});

test("a page that gets its provider during the chat signs in by it when an agent asks", async () => {
  const [context, anna] = [await world.customer(), someone()];
  const tab = await Tab.open(context, world, { provider: "none" });
  const conversation = await tab.start();
  await world.shop.login(context, anna);
  await tab.provide();
  await world.desk.requestSignIn(conversation, "Please sign in, so that I can see your order.");
  await eventually(() => tab.heard("authentication-requested")).toHaveLength(1);
  const [asked] = await tab.heard("authentication-requested");
  expect(asked).toMatchObject({ message: "Please sign in, so that I can see your order.", past: false });

  expect(await tab.signIn()).toBe(true);
  expect(await tab.status()).toBe("authenticated");
  expect(await world.desk.transitions(conversation)).toEqual(["authenticated token_presented"]);
});

test("a signed-in customer finds the open conversation again in a browser that has nothing of it", async () => {
  const anna = someone();
  const [first, second] = [await world.customer(), await world.customer()];
  await world.shop.login(first, anna);
  await world.shop.login(second, anna);
  const desktop = await Tab.open(first, world);
  const conversation = await desktop.start();
  await desktop.say("From my desk");

  const phone = await Tab.open(second, world);
  expect(await phone.start()).toBe(conversation);
  await eventually(() => phone.shown()).toEqual(["customer: From my desk"]);
  await phone.say("From my phone");
  await eventually(() => desktop.shown()).toEqual(["customer: From my desk", "customer: From my phone"]);
  await world.desk.expectSaid(conversation, ["customer: From my desk", "customer: From my phone"]);
});

test("a widget that requires it lets nobody in without a token, and lets in with one", async () => {
  const [context, anna] = [await world.customer(), someone()];
  const tab = await Tab.open(context, world, { widget: "required" });
  expect(await tab.refusedStart()).toBe("authentication_required");
  expect(await world.desk.of(anna)).toEqual([]);

  await world.shop.login(context, anna);
  const conversation = await tab.start();
  expect(await tab.status()).toBe("authenticated");
  await tab.say("Here I am");
  await world.desk.expectSaid(conversation, ["customer: Here I am"]);
});

test("a widget without authentication asks nobody for a token", async () => {
  const [context, anna] = [await world.customer(), someone()];
  await world.shop.login(context, anna);
  const tab = await Tab.open(context, world, { widget: "off" });
  await tab.start();
  expect(await tab.status()).toBe("anonymous");
  expect(world.shop.calls).toBe(0);
});

test("two tabs that begin at once begin one conversation", async () => {
  const [context, anna] = [await world.customer(), someone()];
  await world.shop.login(context, anna);
  const tabs = [await Tab.open(context, world), await Tab.open(context, world), await Tab.open(context, world)];
  const conversations = await Promise.all(tabs.map((tab) => tab.start()));
  expect(new Set(conversations).size).toBe(1);
  expect(await world.desk.of(anna)).toHaveLength(1);
});
