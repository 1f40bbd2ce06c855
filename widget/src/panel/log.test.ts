import { describe, expect, test } from "vitest";
import type { ChatEvents, Message } from "../sdk/types.ts";
import { Log, type Row } from "./log.ts";

const NOON = Date.parse("2026-03-04T12:00:00Z");
const at = (minutes: number): string => new Date(NOON + minutes * 60_000).toISOString();

function mine(id: string, sequence: number | undefined, more: Partial<Message> = {}): Message {
  const delivery = sequence === undefined ? ("waiting" as const) : ("sent" as const);
  const known = sequence === undefined ? {} : { sequence };
  return { id, at: at(0), from: "customer", text: id, delivery, ...known, ...more };
}

function theirs(sequence: number, more: Partial<Message> = {}): Message {
  return { sequence, at: at(0), from: "agent", text: `a${sequence}`, name: "Anna", delivery: "received", ...more };
}

const started = (more: Partial<ChatEvents["started"]> = {}): ChatEvents["started"] => ({
  conversation: "c",
  authentication: { status: "anonymous" },
  queue: "service",
  resumed: true,
  replayed: 0,
  truncated: false,
  context: { accepted: [], rejected: [] },
  limits: { message_characters: 6000, frame_bytes: 98304, messages_per_minute: 60, ping_seconds: 25 },
  ...more,
});

/** What can be read, in short. */
function told(log: Log): string[] {
  return log.rows().map((row: Row) => {
    return row.kind === "message" ? row.message.text : row.kind === "day" ? "day" : row.what;
  });
}
const messages = (log: Log) => log.rows().filter((row) => row.kind === "message");

describe("the order", () => {
  test("messages stand by their sequences, however they come", () => {
    const log = new Log();
    for (const sequence of [5, 3, 9, 4]) log.message(theirs(sequence));
    expect(told(log)).toEqual(["day", "a3", "a4", "a5", "a9"]);
  });

  test("what waits is last, in the order in which it was written", () => {
    const log = new Log();
    log.message(mine("x", undefined));
    log.message(mine("y", undefined));
    log.message(theirs(3));
    expect(told(log)).toEqual(["day", "a3", "x", "y"]);
  });

  test("a message that is stored takes its place, and stands there once", () => {
    const log = new Log();
    log.message(mine("x", undefined));
    log.message(theirs(4));
    log.message(mine("x", 3));
    log.message(mine("x", 3));
    expect(told(log)).toEqual(["day", "x", "a4"]);
  });

  test("a late word that a message waits doesn't unsay that it is stored", () => {
    const log = new Log();
    log.message(mine("x", 3));
    log.message(mine("x", undefined));
    expect(messages(log).map(({ message }) => message.delivery)).toEqual(["sent"]);
  });

  test("a message that has failed is shown so in its place", () => {
    const log = new Log();
    log.message(mine("x", undefined));
    log.message(mine("x", undefined, { delivery: "failed" }));
    expect(messages(log).map(({ message }) => message.delivery)).toEqual(["failed"]);
  });

  test("an agent's message may have the customer's id", () => {
    const log = new Log();
    log.message(mine("x", 2));
    log.message(theirs(3, { id: "x" }));
    expect(told(log)).toEqual(["day", "x", "a3"]);
  });

  test("what is replayed twice stands there once", () => {
    const log = new Log();
    for (let round = 0; round < 2; round++) {
      log.message(theirs(3));
      log.assigned({ sequence: 4, queue: "service", agent: "Anna", past: true });
      log.ended({ sequence: 5, by: "agent", past: true });
    }
    expect(told(log)).toEqual(["day", "a3", "joined", "ended"]);
  });
});

describe("days", () => {
  test("each has one mark, and it opens a new group", () => {
    const log = new Log();
    log.message(theirs(2));
    log.message(theirs(3, { at: at(1) }));
    log.message(theirs(4, { at: at(60 * 24) }));
    expect(told(log)).toEqual(["day", "a2", "a3", "day", "a4"]);
  });

  test("what happened before the first message belongs to its day", () => {
    const log = new Log();
    log.assigned({ sequence: 2, queue: "service", agent: "Anna", past: false });
    log.message(theirs(3));
    expect(told(log)).toEqual(["day", "joined", "a3"]);
  });
});

describe("groups", () => {
  const ends = (log: Log): string[] => {
    return messages(log).map(({ first, last }) => `${first ? "(" : ""}.${last ? ")" : ""}`);
  };

  test("one author's messages are one until five minutes lie between two", () => {
    const log = new Log();
    log.message(theirs(2, { at: at(0) }));
    log.message(theirs(3, { at: new Date(NOON + 5 * 60_000 - 1).toISOString() }));
    log.message(theirs(4, { at: new Date(NOON + 10 * 60_000 - 1).toISOString() }));
    expect(ends(log)).toEqual(["(.", ".)", "(.)"]);
  });

  test("another author, name, sign-in or delivery begins one", () => {
    const log = new Log();
    log.message(theirs(2));
    log.message(theirs(3, { name: "Ben" }));
    log.message(mine("x", 4, { authenticated: false }));
    log.message(mine("y", 5, { authenticated: true }));
    log.message(mine("z", undefined, { authenticated: true }));
    expect(ends(log)).toEqual(["(.)", "(.)", "(.)", "(.)", "(.)"]);
  });
});

describe("what happened", () => {
  test("an agent joins once, and leaves the customer to the queue", () => {
    const log = new Log();
    log.assigned({ sequence: 2, queue: "service", past: false });
    log.assigned({ sequence: 3, queue: "service", agent: "Anna", past: false });
    log.assigned({ sequence: 4, queue: "orders", agent: "Anna", past: false });
    log.assigned({ sequence: 5, queue: "orders", past: false });
    expect(told(log)).toEqual(["joined", "queued"]);
  });

  test("who joined in a past that is replayed is told, though they are known to be there", () => {
    const log = new Log();
    log.started(started({ agent: "Anna", replayed: 1 }));
    log.assigned({ sequence: 2, queue: "service", agent: "Anna", past: true });
    expect(told(log)).toEqual(["joined"]);
  });

  test("sign-in and downgrade are told, a refreshed sign-in isn't", () => {
    const log = new Log();
    const signedIn = { status: "authenticated" as const };
    log.authentication({ authentication: signedIn, reason: "token_presented", sequence: 2, past: false });
    log.authentication({ authentication: signedIn, reason: "token_refreshed", sequence: 3, past: false });
    log.authentication({ authentication: signedIn, reason: "unchanged", sequence: 3, past: false });
    log.authentication({ authentication: { status: "anonymous" }, reason: "token_expired", sequence: 4, past: false });
    expect(told(log)).toEqual(["signedIn", "downgraded"]);
  });

  test("a request to sign in bears the agent's name and words", () => {
    const log = new Log();
    log.started(started({ agent: "Anna" }));
    log.requested({ sequence: 2, message: "For your order.", past: false });
    expect(log.rows()).toEqual([{ kind: "note", key: "n2", what: "asked", name: "Anna", text: "For your order." }]);
  });

  test("a truncated past says so, above everything", () => {
    const log = new Log();
    log.started(started({ truncated: true }));
    log.message(theirs(4000));
    expect(told(log)).toEqual(["day", "older", "a4000"]);
  });
});

describe("what was read", () => {
  test("an agent's reading marks the customer's messages up to it, and never takes back", () => {
    const log = new Log();
    log.message(mine("x", 2));
    log.message(mine("y", 4));
    log.read({ sequence: 3, by: "agent", up_to: 2, past: false });
    log.read({ sequence: 5, by: "agent", up_to: 1, past: false });
    expect(messages(log).map(({ read }) => read)).toEqual([true, false]);
  });

  test("what waits isn't read", () => {
    const log = new Log();
    log.message(mine("x", undefined));
    log.read({ sequence: 3, by: "agent", up_to: 9, past: false });
    expect(messages(log).map(({ read }) => read)).toEqual([false]);
  });

  test("messages of others are unread until they are seen, here or in another tab", () => {
    const log = new Log();
    log.message(mine("x", 2));
    for (const sequence of [3, 4, 5]) log.message(theirs(sequence));
    expect(log.unread).toBe(3);
    log.read({ sequence: 6, by: "customer", up_to: 3, past: true });
    expect(log.unread).toBe(2);
    expect(log.see(log.newest)).toBe(true);
    expect(log.see(5)).toBe(false);
    expect(log.unread).toBe(0);
  });

  test("nothing of one conversation is left for the next", () => {
    const log = new Log();
    log.started(started({ agent: "Anna" }));
    log.message(theirs(30));
    log.see(30);
    log.clear();
    expect(log.empty).toBe(true);
    log.message(theirs(2));
    log.assigned({ sequence: 3, queue: "service", agent: "Anna", past: false });
    expect([log.unread, ...told(log)]).toEqual([1, "day", "a2", "joined"]);
  });
});
