import { expect, test } from "vitest";
import { read } from "./jwt.ts";
import { due, issued } from "./signin.ts";
import { jwt, signed } from "../testing.ts";

const GOT = 5_000_000;

test("when the token was issued follows from what the gateway says, grace and rounding included", () => {
  expect(issued(signed("ada", 1000))).toBe(1000);
  const { expires_at, refresh_by } = signed("ada", 1000, 333);
  expect(Math.abs(issued({ status: "authenticated", expires_at, refresh_by }) - 1000)).toBeLessThan(0.01);
  expect(issued({ status: "anonymous" })).toBe(0);
});

test("a token is due at three quarters of the way, counted from when it was got", () => {
  const token = read(jwt("ada", 1000), GOT);
  expect(due(signed("ada", 1000), token, GOT)).toBe(675_000);
  expect(due(signed("ada", 1000), token, GOT + 100_000)).toBe(575_000);
  expect(due(signed("ada", 1000), token, GOT + 700_000)).toBe(0);
});

test("the grace of the gateway counts", () => {
  expect(due(signed("ada", 1000, 930), read(jwt("ada", 1000), GOT), GOT)).toBe(697_500);
});

test("of another tab's token, or of none, it can't be told", () => {
  expect(due(signed("ada", 1000), null, GOT)).toBeNull();
  expect(due(signed("ada", 1000), read(jwt("ada", 1002), GOT), GOT)).toBeNull();
  expect(due({ status: "anonymous" }, read(jwt("ada", 1000), GOT), GOT)).toBeNull();
});
