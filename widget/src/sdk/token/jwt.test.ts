import { expect, test } from "vitest";
import { isNewer, isOld, read, trim } from "./jwt.ts";
import { jwt } from "../testing.ts";

test("a token tells when it was issued, for how long, and whose it is", () => {
  const token = read(jwt("ada", 1000, 60), 5);
  expect(token).toMatchObject({ iat: 1000, lifetime: 60, got: 5, shared: false });
  expect(token.identity).toBe(read(jwt("ada", 2000), 0).identity);
  expect(token.identity).not.toBe(read(jwt("eve", 1000, 60), 5).identity);
});

test.each(["", "a", "a.b.c", "a.bnVsbA.c", "..", "a.e30.c"])("of what is no token nothing is known: %s", (text) => {
  expect(read(text, 5)).toMatchObject({ text, iat: 0, lifetime: Infinity });
  expect(isOld(read(text, 0), 1e15)).toBe(false);
});

test("base64url is read, whatever is in it", () => {
  const payload = btoa('{"iat":7,"sub":"\u00ff\u00fe???>>>"}');
  expect(payload).toMatch(/[+/]/);
  expect(read(`x.${payload.replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "")}.y`, 0).iat).toBe(7);
});

test("a token is old at three quarters of its lifetime, by the time it has been here", () => {
  const token = read(jwt("ada", 1, 100), 1_000_000);
  expect(isOld(token, 1_074_999)).toBe(false);
  expect(isOld(token, 1_075_000)).toBe(true);
});

test("newer is what was issued later, and not what is rounded", () => {
  const token = read(jwt("ada", 1000), 0);
  expect(isNewer(token, 999)).toBe(true);
  expect(isNewer(token, 999.996)).toBe(false);
  expect(isNewer(token, 1000)).toBe(false);
});

test.each([
  [' "t" ', "t"],
  ["'t'", "t"],
  ['"t', '"t'],
  ["\ufefft\n", "t"],
  ['""', ""],
])("what surrounds a token is taken off: %j", (text, token) => {
  expect(trim(text)).toBe(token);
});
