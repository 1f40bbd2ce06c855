import { expect, test } from "vitest";
import { accepted, begun, Browser, entered, refusal, said } from "./testing.ts";

test("a message waits, is sent and is accepted", async () => {
  const browser = new Browser();
  const tab = browser.tab();
  const { id } = tab.chat.send("hello");
  await browser.settle();
  tab.wire.open();
  expect(tab.wire.of("message")).toEqual([]);
  tab.wire.say(entered("started"));
  expect(tab.wire.of("message")).toEqual([{ type: "message", id, text: "hello" }]);
  expect(tab.chat.getState().waiting).toBe(1);
  tab.wire.say(accepted(id ?? "", 2));
  expect(tab.all("message").map(({ delivery, sequence }) => [delivery, sequence])).toEqual([
    ["waiting", undefined],
    ["sent", 2],
  ]);
  expect(tab.chat.getState()).toMatchObject({ waiting: 0, sequence: 2 });
});

test("what isn't accepted is sent again on the next socket, under its id, and what is accepted isn't", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  const [one, two, three] = ["one", "two", "three"].map((text) => tab.chat.send(text).id ?? "");
  tab.wire.say(accepted(one ?? "", 2));
  tab.wire.shut(1006);
  const offline = tab.chat.send("four").id;
  await browser.pass(1000);
  tab.wire.open();
  expect(tab.wire.of("resume")).toMatchObject([{ after: 2 }]);
  tab.wire.say(entered("resumed", { sequence: 3 }), said(3, "two", { from: "customer", id: two }));
  expect(tab.wire.of("message").map(({ id }) => id)).toEqual([two, three, offline]);
  tab.wire.say(accepted(two ?? "", 3), accepted(three ?? "", 4), accepted(offline ?? "", 5));
  expect(tab.chat.messages().map(({ text, sequence, delivery }) => [text, sequence, delivery])).toEqual([
    ["one", 2, "sent"],
    ["two", 3, "sent"],
    ["three", 4, "sent"],
    ["four", 5, "sent"],
  ]);
});

const TEMPORARY = ["rate_limited", "storage_unavailable"];
test.each(TEMPORARY)("a message that is %s is sent again when that is told", async (code) => {
  const browser = new Browser();
  const tab = await begun(browser);
  const id = tab.chat.send("hello").id ?? "";
  tab.wire.say(refusal(code, id, { temporary: true, retry_after_ms: 2000 }));
  const other = tab.chat.send("other").id;
  await browser.pass(1999);
  expect(tab.wire.of("message").map((frame) => frame.id)).toEqual([id]);
  expect(tab.chat.getState().waiting).toBe(2);
  await browser.pass(1);
  expect(tab.wire.of("message").map((frame) => frame.id)).toEqual([id, id, other]);
});

test("the pause outlives the connection", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  const id = tab.chat.send("hello").id ?? "";
  tab.wire.say(refusal("rate_limited", id, { temporary: true, retry_after_ms: 5000 }));
  tab.wire.shut(1006);
  await browser.pass(1000);
  tab.wire.open();
  tab.wire.say(entered("resumed"));
  expect(tab.wire.of("message")).toEqual([]);
  await browser.pass(4000);
  expect(tab.wire.of("message")).toHaveLength(1);
});

test("a message that is refused has failed, and is sent again under its id when the customer wants it", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  const id = tab.chat.send("hello").id ?? "";
  tab.wire.say(refusal("id_conflict", id));
  expect(tab.chat.messages()).toMatchObject([{ id, delivery: "failed", error: { code: "id_conflict" } }]);
  tab.wire.shut(1006);
  await browser.pass(1000);
  tab.wire.open();
  tab.wire.say(entered("resumed"));
  expect(tab.wire.of("message")).toEqual([]);
  tab.chat.retry(id);
  expect(tab.wire.of("message")).toEqual([{ type: "message", id, text: "hello" }]);
});

test("a text that the gateway would close on isn't sent", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  expect(tab.chat.send("x".repeat(6001))).toMatchObject({ delivery: "failed", error: { code: "message_too_long" } });
  tab.chat.send("half \ud83d a pair");
  expect(tab.wire.of("message").map(({ text }) => text)).toEqual(["half \ufffd a pair"]);
});

test("a message without an answer within 15 s shows that the connection is dead", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  tab.chat.send("hello");
  await browser.pass(14_999);
  expect(tab.chat.getState().connection).toBe("open");
  await browser.pass(1);
  expect(tab.wires[0]?.left).toBe(true);
  expect(tab.chat.getState().connection).toBe("waiting");
});

test("typing is told at most every 3 s, and what was read at most every second, forwards only", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  tab.wire.say(said(2), said(3), said(4));
  for (const sequence of [2, 3, 2, 4, 9]) tab.chat.read(sequence);
  for (let time = 0; time < 31; time += 1) {
    tab.chat.typing();
    await browser.pass(100);
  }
  expect(tab.wire.of("read").map(({ sequence }) => sequence)).toEqual([2, 4]);
  expect(tab.wire.of("typing")).toHaveLength(2);
});

test("messages that wait when the conversation ends have failed", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  tab.chat.send("hello");
  tab.wire.say({ type: "ended", sequence: 2, by: "agent" });
  expect(tab.chat.messages()).toMatchObject([{ delivery: "failed", error: { code: "conversation_ended" } }]);
});

test("a message that has failed with the end goes into the next conversation when the customer wants it", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  const id = tab.chat.send("hello").id ?? "";
  tab.wire.say({ type: "ended", sequence: 2, by: "agent" });
  tab.chat.retry(id);
  await browser.settle();
  tab.wire.open();
  tab.wire.say(entered("started", { conversation: "c2" }));
  expect(tab.wire.of("message")).toEqual([{ type: "message", id, text: "hello" }]);
});

test("an end that is refused for now is said again, a message that needs a sign-in waits", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  const id = tab.chat.send("hello").id ?? "";
  tab.wire.say(refusal("authentication_required", id));
  expect(tab.chat.messages()).toMatchObject([{ delivery: "waiting" }]);
  tab.chat.end();
  tab.wire.say(refusal("rate_limited", "end", { temporary: true, retry_after_ms: 2000 }));
  await browser.pass(1999);
  expect(tab.wire.of("end")).toHaveLength(1);
  await browser.pass(1);
  expect(tab.wire.of("end")).toHaveLength(2);
});
