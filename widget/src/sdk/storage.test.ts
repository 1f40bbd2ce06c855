import { expect, test } from "vitest";
import { createShelf } from "./storage.ts";
import { Browser } from "./testing.ts";

const KEPT = { conversation: "c1", resume_token: "secret" };
const shelf = (browser: Browser, storage?: () => never) =>
  createShelf(browser.tab(storage ? { storage } : {}).env, "usher:shop/web");

test("what is kept are the conversation and its secret, under one key, and nothing else", () => {
  const browser = new Browser();
  shelf(browser).write({ ...KEPT, token: "a token" } as typeof KEPT);
  expect([...browser.stored]).toEqual([["usher:shop/web", JSON.stringify(KEPT)]]);
  expect(shelf(browser).read()).toEqual(KEPT);
});

test("only the conversation that is meant is forgotten", () => {
  const browser = new Browser();
  const kept = shelf(browser);
  kept.write(KEPT);
  kept.clear("another");
  expect(kept.read()).toEqual(KEPT);
  kept.clear("c1");
  expect(browser.stored.size).toBe(0);
});

test("where the browser keeps nothing, the tab still knows", () => {
  const kept = shelf(new Browser(), () => {
    throw new Error("denied");
  });
  expect(kept.read()).toBeNull();
  kept.write(KEPT);
  expect(kept.read()).toEqual(KEPT);
  kept.clear();
  expect(kept.read()).toBeNull();
});

test.each(["", "no JSON", "null", "5", "[]", '{"conversation":"c1"}', '{"resume_token":"x"}'])(
  "what somebody else has put there is nothing: %s",
  (text) => {
    const browser = new Browser();
    browser.stored.set("usher:shop/web", text);
    expect(shelf(browser).read()).toBeNull();
  },
);
