import { expect, test } from "vitest";
import { announced, comesBack, FAULTS_MOST, jitter } from "./reconnect.ts";

test.each([1001, 1005, 1006, 1012, 1013, 4000, 4001, 4002, 4003, 4004, 4005, 4499])("%i is opened again", (code) => {
  expect(comesBack(code, 0)).toBe(true);
});

test.each([1000, 1002, 1003, 1007, 1009, 1010, 1015, 3999, 4500, 4501, 4502, 4503, 4504])(
  "%i is not opened again",
  (code) => {
    expect(comesBack(code, 0)).toBe(false);
  },
);

test("a fault of the gateway is forgiven five times", () => {
  expect(comesBack(1011, FAULTS_MOST)).toBe(true);
  expect(comesBack(1011, FAULTS_MOST + 1)).toBe(false);
});

test("the wait is random between half a second and a ceiling that doubles up to 20 s", () => {
  expect([1, 2, 3, 4, 5, 6, 7, 99].map((attempt) => jitter(attempt, 1))).toEqual([
    1000, 2000, 4000, 8000, 16_000, 20_000, 20_000, 20_000,
  ]);
  expect([1, 6, 99].map((attempt) => jitter(attempt, 0))).toEqual([500, 500, 500]);
});

test("what is announced stands in the reason", () => {
  expect(announced("overloaded;retry_after_ms=3000")).toBe(3000);
  expect(announced("x;a=b;retry_after_ms=7;c=d")).toBe(7);
  for (const reason of ["", "overloaded", "retry_after_ms=5", ";retry_after_ms=soon"]) {
    expect(announced(reason)).toBe(0);
  }
});
