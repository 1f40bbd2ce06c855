import { expect, test } from "vitest";
import type { Authenticated, Entered, Inbound } from "./frames.ts";
import { Standing } from "./standing.ts";
import { accepted, entered, said, signed } from "./testing.ts";

const standing = (sequence: number, type: "started" | "resumed" = "resumed") => {
  const stands = new Standing();
  stands.enter(entered(type, { sequence }) as unknown as Entered);
  return stands;
};
const frame = (given: Record<string, unknown>) => given as unknown as Inbound;
const authentication = (sequence: number, reason = "token_presented"): Authenticated =>
  ({ type: "authentication", authentication: signed("ada", 1000), reason, sequence }) as Authenticated;

test("what was before this tab came is past, what comes then is news, and nothing comes twice", () => {
  const stands = standing(5);
  expect([3, 5, 6, 6, 4].map((sequence) => stands.admits(frame(said(sequence))))).toEqual([
    "past",
    "past",
    "news",
    "known",
    "known",
  ]);
  expect(stands.sequence).toBe(6);
});

test("what came while the connection was lost is news", () => {
  const stands = standing(1, "started");
  stands.enter(entered("resumed", { sequence: 9 }) as unknown as Entered);
  expect(stands.admits(frame(said(8)))).toBe("news");
});

test("answers to this socket are heard whatever their sequence", () => {
  const stands = standing(1, "started");
  stands.admits(frame(said(8)));
  expect(stands.admits(frame(accepted("a", 3)))).toBe("news");
  expect(stands.admits(authentication(8, "unchanged"))).toBe("news");
  expect(stands.admits(frame({ type: "context", context: { accepted: [], rejected: [] } }))).toBe("news");
  expect(stands.admits(frame({ type: "typing", from: "agent" }))).toBe("news");
  expect(stands.sequence).toBe(8);
  stands.admits(frame(accepted("b", 9)));
  expect(stands.sequence).toBe(9);
});

test("a replayed authentication tells what it was, not what it is", () => {
  const stands = standing(5);
  expect(stands.authenticated(authentication(5))).toBe(false);
  expect(stands.signedIn).toBe(false);
  expect(stands.was_authenticated).toBe(true);
  expect(stands.authenticated(authentication(6))).toBe(true);
  expect(stands.signedIn).toBe(true);
});

test("an unchanged authentication is of now, though its sequence is an old one", () => {
  const stands = standing(5);
  expect(stands.authenticated(authentication(5, "unchanged"))).toBe(true);
  expect(stands.signedIn).toBe(true);
});
