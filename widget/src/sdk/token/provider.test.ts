import { expect, test } from "vitest";
import { askToken, find } from "./provider.ts";
import { Browser } from "../testing.ts";
import type { AuthTokenProvider, TokenCallback } from "../types.ts";

const EMPTY = "provider_empty: The token provider gave no token.";
const throws = (error: unknown) => (): never => {
  throw error;
};

/** What the provider comes to: the token, or the code of the error; nothing within so many milliseconds. */
async function outcome(provider: unknown, ms = 9999): Promise<string> {
  const browser = new Browser();
  let result = "nothing";
  const asked = askToken(browser.tab().env, provider as AuthTokenProvider);
  void asked.then(
    (token) => (result = token),
    (error) => (result = `${error.code}: ${error.message}`),
  );
  await browser.pass(ms);
  return result;
}

test.each<[string, unknown]>([
  ["returns it", () => "t"],
  ["promises it", async () => "t"],
  ["calls back at once", (done: TokenCallback) => done("t")],
  ["calls back later", (done: TokenCallback) => void setImmediate(() => done("t"))],
  ["is asynchronous and calls back", async (done: TokenCallback) => void setImmediate(() => done("t"))],
  ["is asynchronous, takes the callback and has ended before", async (done: TokenCallback) => done("t")],
  ["calls back and returns something else afterwards", (done: TokenCallback) => (done("t"), "other")],
  ["gives white space around it", () => " t\r\n"],
  ["gives quotes around it", () => '"t"\n'],
  ["gives a thenable", () => ({ then: (done: (token: string) => void) => done("t") })],
])("a provider that %s", async (_, provider) => {
  expect(await outcome(provider)).toBe("t");
});

test.each<[string, unknown, string]>([
  ["throws", throws(new Error("no session")), "provider_failed: The token provider: no session"],
  ["throws nothing", throws(undefined), "provider_failed: The token provider: it threw nothing"],
  ["rejects", async () => throws(new Error("503"))(), "provider_failed: The token provider: 503"],
  ["calls back with an error", (done: TokenCallback) => done(null, "old"), "provider_failed: The token provider: old"],
  ["returns null", () => null, EMPTY],
  ["calls back with null", (done: TokenCallback) => done(null), EMPTY],
  ["calls back with nothing", (done: TokenCallback) => done(undefined), EMPTY],
  ["gives an empty text", async () => "", EMPTY],
  ["gives white space", async () => ' "" ', EMPTY],
  ["gives what is no text", () => ({ token: "t" }), EMPTY],
])("a provider that %s gives none", async (_, provider, error) => {
  expect(await outcome(provider)).toContain(error);
});

test("a provider has 10 s, and what it says then counts no more", async () => {
  const browser = new Browser();
  let late: TokenCallback = () => {};
  const asked = askToken(browser.tab().env, (done) => void (late = done)).catch((error) => error.code);
  let result;
  void asked.then((code) => (result = code));
  await browser.pass(9999);
  expect(result).toBeUndefined();
  await browser.pass(1);
  expect(result).toBe("provider_timeout");
  late("t");
  expect(await asked).toBe("provider_timeout");
});

test("the function that is named is looked up anew, and called without `this`", async () => {
  const page: Record<string, unknown> = {};
  const { env } = new Browser().tab({ page });
  expect(() => find(env, "auth.getToken")).toThrow(expect.objectContaining({ code: "provider_not_found" }));
  page["auth"] = {
    secret: "x",
    getToken(this: unknown) {
      return this === undefined ? "no this" : "a this";
    },
  };
  expect(await askToken(env, find(env, "auth.getToken"))).toBe("no this");
  page["auth"] = { getToken: "not a function" };
  expect(() => find(env, "auth.getToken")).toThrow(expect.objectContaining({ code: "provider_not_found" }));
});
