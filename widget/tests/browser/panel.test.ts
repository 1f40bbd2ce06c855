// What a customer does with the panel, and what an agent gets of it.

import { expect, test } from "vitest";
import { en } from "../../src/texts/en.ts";
import { Panel } from "./support/panel.ts";
import { eventually } from "./support/wait.ts";
import { begin, someone } from "./support/world.ts";

const world = begin();
const MARKUP = `<img src=x onerror="window.pwned = true"><b>bold</b> & <script>window.pwned = true</script>`;

test("two lines on a page give a chat: the customer asks, an agent answers", async () => {
  const [context, anna] = [await world.customer(), someone()];
  await world.shop.login(context, anna);
  const panel = await Panel.open(context, world);
  await panel.say("Where is my parcel?");
  const conversation = await panel.conversation();
  await world.desk.assign(conversation, "Ines");
  await world.desk.typing(conversation);
  await panel.text("is typing").waitFor();
  await world.desk.say(conversation, "On its way", "Ines");
  await panel.message("On its way").filter({ hasText: "Ines" }).waitFor();
  await panel.log.getByRole("img", { name: "Signed in" }).first().waitFor();
  await world.desk.expectSaid(conversation, ["customer: Where is my parcel?", "agent: On its way"]);
});

test("what is written is never markup, whoever wrote it", async () => {
  const panel = await Panel.open(await world.customer(), world);
  await panel.say(MARKUP);
  const conversation = await panel.conversation();
  await world.desk.say(conversation, MARKUP, MARKUP);
  await world.desk.assign(conversation, MARKUP);
  await world.desk.requestSignIn(conversation, MARKUP);
  await eventually(() => panel.log.getByText("window.pwned").count()).toBeGreaterThan(3);
  expect(await panel.log.locator("img, script, p b").count()).toBe(0);
  expect(await panel.frame.evaluate(() => "pwned" in window)).toBe(false);
  await world.desk.expectSaid(conversation, [`customer: ${MARKUP}`, `agent: ${MARKUP}`]);
});

test("what comes while the panel is minimized is counted, and seen when it is opened", async () => {
  const panel = await Panel.open(await world.customer(), world);
  const conversation = await panel.conversation();
  await panel.button("Minimize").click();
  await world.desk.say(conversation, "First");
  await world.desk.say(conversation, "Second");
  await eventually(async () => (await panel.state()).unread).toBe(2);
  await panel.frame.getByRole("button", { name: /2 new messages/ }).waitFor();
  await panel.launcher.click();
  await panel.message("Second").waitFor();
  await eventually(async () => (await panel.state()).unread).toBe(0);
  await eventually(async () => {
    const events = await world.desk.events(conversation);
    return events.filter(({ type }) => type.endsWith(".read")).length;
  }).toBeGreaterThan(0);
});

test("a downgraded chat says so in plain words, goes on, and signs in again by a button", async () => {
  const [context, anna] = [await world.customer(), someone()];
  await world.shop.login(context, anna);
  world.shop.lifetime = 3;
  const panel = await Panel.open(context, world);
  const conversation = await panel.conversation();
  world.shop.answer = "empty";
  await panel.bar(en.downgraded).waitFor();
  await panel.say("Unsigned");
  world.shop.answer = "mint";
  world.shop.lifetime = 900;
  await panel
    .bar(en.downgraded)
    .getByRole("button", { name: /^Sign in/ })
    .click();
  await eventually(async () => (await panel.state()).authentication?.status).toBe("authenticated");
  await eventually(() => panel.bar(en.downgraded).count()).toBe(0);
  await panel.say("It is me");
  await world.desk.expectSaid(conversation, ["customer: Unsigned", "customer: It is me"]);
});

test("an agent's request to sign in is a card with a button, and done once", async () => {
  const [context, anna] = [await world.customer(), someone()];
  const panel = await Panel.open(context, world);
  const conversation = await panel.conversation();
  await world.desk.assign(conversation, "Ines");
  await world.desk.requestSignIn(conversation, "So that I can see your order");
  await panel.text("So that I can see your order").waitFor();
  await world.shop.login(context, anna);
  await panel.button("Sign in").click();
  await eventually(async () => (await world.desk.conversation(conversation)).authenticated).toBe(true);
  await eventually(() => panel.button("Sign in").count()).toBe(0);
});

test("a message that waits is shown as waiting, and as sent once it is", async () => {
  const panel = await Panel.open(await world.customer(), world);
  const conversation = await panel.conversation();
  world.gateway.network.cut();
  await panel.bar(en.offline).waitFor();
  await panel.type("Are you there?");
  await panel.message("Are you there?").filter({ hasText: "Waiting" }).waitFor();
  world.gateway.network.restore();
  await panel.message("Are you there?").filter({ hasText: "Sent" }).waitFor();
  await world.desk.expectSaid(conversation, ["customer: Are you there?"]);
});

test("the customer ends the chat after being asked, and begins a new one", async () => {
  const panel = await Panel.open(await world.customer(), world);
  await panel.say("Thank you");
  const conversation = await panel.conversation();
  await panel.choose("End chat");
  await panel.text(en.endAsk).waitFor();
  await panel.button("End chat").click();
  await panel.text(en.ended).waitFor();
  expect((await world.desk.conversation(conversation)).status).toBe("ended");
  await panel.button("New chat").click();
  await eventually(() => panel.conversation()).not.toBe(conversation);
  expect(await panel.message("Thank you").count()).toBe(0);
});

test("the transcript is a text that holds what was said", async () => {
  const panel = await Panel.open(await world.customer(), world);
  await panel.say("Grüße, 世界");
  const conversation = await panel.conversation();
  await world.desk.say(conversation, "Good morning", "Ines");
  await panel.message("Good morning").waitFor();
  const { name, text } = await panel.saved(() => panel.choose("Download transcript"));
  expect(name).toMatch(/\.txt$/);
  for (const part of ["Grüße, 世界", "Good morning", "Ines"]) {
    expect(text).toContain(part);
  }
});

test("after signing out by the menu the panel shows nothing of the chat any more", async () => {
  const [context, anna] = [await world.customer(), someone()];
  await world.shop.login(context, anna);
  const panel = await Panel.open(context, world);
  await panel.say("My address is 1 Main Street");
  await panel.choose("Sign out");
  await panel.bar(en.signedOut).waitFor();
  expect(await panel.message("Main Street").count()).toBe(0);
  expect(await panel.frame.evaluate(() => localStorage.length)).toBe(0);
});

test("a reloaded page has the chat as it was, and a second tab the same", async () => {
  const context = await world.customer();
  const panel = await Panel.open(context, world);
  await panel.say("Hello");
  const conversation = await panel.conversation();
  await panel.page.reload();
  await panel.ready();
  expect(await panel.conversation()).toBe(conversation);
  const second = await Panel.visit(context, world);
  expect(await second.conversation()).toBe(conversation);
  if (await second.launcher.isVisible()) {
    await second.launcher.click();
  }
  await second.message("Hello").waitFor();
  await second.say("From the second tab");
  await world.desk.expectSaid(conversation, ["customer: Hello", "customer: From the second tab"]);
});

test("a panel that is opened while the gateway is down says so, and begins once it is there", async () => {
  const panel = await Panel.visit(await world.customer(), world);
  world.gateway.network.cut();
  await panel.launcher.click();
  await panel.type("Anybody there?");
  await panel.bar(en.offline).waitFor();
  await panel.message("Anybody there?").filter({ hasText: "Waiting" }).waitFor();
  world.gateway.network.restore();
  await panel.message("Anybody there?").filter({ hasText: "Sent" }).waitFor();
  await eventually(() => panel.bar(en.offline).count()).toBe(0);
  await world.desk.expectSaid(await panel.conversation(), ["customer: Anybody there?"]);
});

test("the customer sees that an agent has read what was said, and the agent that the customer has", async () => {
  const panel = await Panel.open(await world.customer(), world);
  await panel.say("Please read this");
  const conversation = await panel.conversation();
  await world.desk.read(conversation, (await world.desk.conversation(conversation)).sequence);
  await panel.message("Please read this").filter({ hasText: "Read" }).waitFor();
  await world.desk.say(conversation, "I have");
  await eventually(async () => {
    const reads = (await world.desk.events(conversation)).filter(({ type }) => type.endsWith(".read"));
    return reads.map(({ data }) => data.by);
  }).toContain("customer");
});

test("when another customer is signed in on the page, the open panel begins their own chat", async () => {
  const [context, anna, ben] = [await world.customer(), someone("anna"), someone("ben")];
  await world.shop.login(context, anna);
  world.shop.lifetime = 4;
  const panel = await Panel.open(context, world);
  const annas = await panel.conversation();
  await panel.say("My address is 1 Main Street");
  await world.shop.login(context, ben);
  world.shop.lifetime = 900;
  await panel.bar(en.changed).waitFor();
  expect(await panel.message("Main Street").count()).toBe(0);
  await panel.say("Hello, I am Ben");
  expect(await panel.conversation()).not.toBe(annas);
  expect((await panel.state()).authentication).toMatchObject({ subject: ben });
  await world.desk.expectSaid(annas, ["customer: My address is 1 Main Street"]);
  await world.desk.expectSaid(await panel.conversation(), ["customer: Hello, I am Ben"]);
});
