import { expect, test } from "vitest";
import { fault } from "./fault.ts";
import type { Said } from "./frames.ts";
import { createMessages } from "./messages.ts";
import { said } from "./testing.ts";

const AT = "2026-01-01T00:00:00.000Z";
const write = (messages: ReturnType<typeof createMessages>, id: string, text = id) => messages.write(id, text, AT, 10);
const heard = (...given: Parameters<typeof said>) => said(...given) as Said;

test("what is stored stands in the order of the conversation, what waits comes last", () => {
  const messages = createMessages();
  write(messages, "a");
  write(messages, "b");
  messages.heard(heard(7));
  messages.accepted("b", { sequence: 6, at: AT });
  expect(messages.list().map(({ id, sequence }) => id ?? sequence)).toEqual(["b", 7, "a"]);
});

test("a message is accepted once, however often the gateway says so", () => {
  const messages = createMessages();
  write(messages, "a");
  expect(messages.accepted("a", { sequence: 2, at: AT })).toMatchObject({ delivery: "sent", sequence: 2 });
  expect(messages.accepted("a", { sequence: 2, at: AT })).toBeNull();
  expect(messages.accepted("of another tab", { sequence: 3, at: AT })).toBeNull();
});

test("a replayed message of one's own settles the one that waits", () => {
  const messages = createMessages();
  write(messages, "a");
  expect(messages.heard(heard(2, "a", { from: "customer", id: "a", authenticated: true }))).toMatchObject({
    delivery: "sent",
    authenticated: true,
  });
  expect(messages.heard(heard(2, "a", { from: "customer", id: "a" }))).toBeNull();
  expect(messages.list()).toHaveLength(1);
});

test("an agent's message with the id of one's own is another message", () => {
  const messages = createMessages();
  write(messages, "a");
  messages.heard(heard(2, "hello", { id: "a" }));
  expect(messages.waiting()).toHaveLength(1);
  expect(messages.list()).toHaveLength(2);
});

test("a refused message says why, and waits again under the same id when it is retried", () => {
  const messages = createMessages();
  const error = fault("id_conflict", "m", "a");
  write(messages, "a");
  expect(messages.refused("a", error)).toMatchObject({ delivery: "failed", error });
  expect(messages.waiting()).toEqual([]);
  const again = messages.again("a");
  expect(again).toMatchObject({ id: "a", delivery: "waiting" });
  expect(again).not.toHaveProperty("error");
  expect(messages.again("a")).toBeNull();
});

test("what is sent is not refused any more", () => {
  const messages = createMessages();
  write(messages, "a");
  messages.accepted("a", { sequence: 2 });
  expect(messages.refused("a", fault("x", "m", "a"))).toBeNull();
  expect(messages.again("a")).toBeNull();
});

test.each([
  ["exactly as long as is allowed", "ä".repeat(10), "waiting"],
  ["one character longer", "ä".repeat(11), "failed"],
  ["as many characters outside the basic plane", "😀".repeat(10), "waiting"],
  ["empty", "", "failed"],
  ["white space alone", " \n\t", "failed"],
])("a text that is %s is %3$s", (_, text, delivery) => {
  expect(write(createMessages(), "a", text).delivery).toBe(delivery);
});

test("forgetting keeps what waits where it is to go into the next conversation", () => {
  const messages = createMessages();
  write(messages, "a");
  messages.heard(heard(2));
  messages.clear(true);
  expect(messages.list().map(({ id }) => id)).toEqual(["a"]);
  messages.clear(false);
  expect(messages.list()).toEqual([]);
});
