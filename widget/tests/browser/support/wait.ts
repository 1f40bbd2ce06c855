// Waiting for conditions, in place of sleeping.

import { expect } from "vitest";

/** The longest that any condition is waited for, in milliseconds. */
export const PATIENCE = 15_000;

type Maybe<Value> = Value | null | undefined;

/** Reads a value again and again until what is expected of it holds: `await eventually(() => …).toBe(…)`. */
export function eventually<Value>(read: () => Value | Promise<Value>) {
  return expect.poll(read, { timeout: PATIENCE, interval: 40 });
}

/** Reads until there is a value, and gives it. */
export async function until<Value>(what: string, read: () => Maybe<Value> | Promise<Maybe<Value>>): Promise<Value> {
  const end = Date.now() + PATIENCE;
  while (Date.now() < end) {
    const value = await read();
    if (value !== null && value !== undefined) {
      return value;
    }
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
  throw new Error(`${what} did not come about`);
}
