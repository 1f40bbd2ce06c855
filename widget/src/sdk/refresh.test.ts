import { expect, test } from "vitest";
import { ANONYMOUS, authentication, Browser, entered, jwt, provider, signed, signedIn } from "./testing.ts";

test("a token is refreshed at three quarters of its lifetime, whatever the page's clock says", async () => {
  const browser = new Browser();
  const source = provider();
  const tab = await signedIn(browser, source.give);
  await browser.pass(900 * 750 - 1);
  expect(source.calls).toBe(1);
  await browser.pass(301);
  expect(source.calls).toBe(2);
  expect(tab.wire.of("authenticate")).toEqual([{ type: "authenticate", token: jwt("ada", 1001) }]);
  tab.wire.say(authentication(2, "token_refreshed", signed("ada", 1001)));
  await browser.pass(900 * 750 + 300);
  expect(source.calls).toBe(3);
});

test("a token is refreshed when the gateway says that it is time", async () => {
  const browser = new Browser();
  const source = provider();
  const tab = await signedIn(browser, source.give);
  tab.wire.say({ type: "token_expiring", expires_at: "x", refresh_by: "y" });
  expect(tab.all("token-expiring")).toEqual([{ expires_at: "x", refresh_by: "y" }]);
  await browser.pass(300);
  expect(tab.wire.of("authenticate")).toHaveLength(1);
});

test("a refresh is tried three times with a random wait between, and told of when it fails", async () => {
  const browser = new Browser();
  let calls = 0;
  const tab = await signedIn(browser, () => {
    if ((calls += 1) === 1) return jwt("ada", 1000);
    throw new Error("503");
  });
  tab.wire.say({ type: "token_expiring", expires_at: "x", refresh_by: "y" });
  await browser.pass(300);
  expect(calls).toBe(2);
  await browser.pass(750 + 300);
  expect(calls).toBe(3);
  expect(tab.errors()).toEqual([]);
  await browser.pass(1250 + 300);
  expect(calls).toBe(4);
  await browser.pass(60_000);
  expect(calls).toBe(4);
  expect(tab.errors()).toEqual(["provider_failed"]);
  expect(tab.chat.getState().connection).toBe("open");
});

test("a provider that gives the same token again has not refreshed it", async () => {
  const browser = new Browser();
  const tab = await signedIn(browser, () => jwt("ada", 1000));
  tab.wire.say({ type: "token_expiring", expires_at: "x", refresh_by: "y" });
  await browser.pass(60_000);
  expect(tab.wire.of("authenticate")).toEqual([]);
  expect(tab.all("error")).toMatchObject([{ code: "provider_failed", message: expect.stringContaining("same token") }]);
});

test("a page that has slept through it brings a fresh token with its resume", async () => {
  const browser = new Browser();
  const source = provider();
  const tab = await signedIn(browser, source.give);
  tab.wire.shut(1006);
  browser.now += 3_600_000;
  tab.wake();
  await browser.pass(300);
  expect(source.calls).toBe(2);
  tab.wire.open();
  expect(tab.wire.of("resume")).toMatchObject([{ token: jwt("ada", 1001) }]);
});

test("where no fresh token is to be had, the old one comes back as anonymous", async () => {
  const browser = new Browser();
  let calls = 0;
  const tab = await signedIn(browser, () => ((calls += 1) === 1 ? jwt("ada", 1000) : null));
  tab.wire.shut(1006);
  browser.now += 3_600_000;
  tab.wake();
  await browser.pass(300);
  tab.wire.open();
  expect(tab.wire.of("resume")).toMatchObject([{ token: jwt("ada", 1000) }]);
  tab.wire.say(entered("resumed"));
  expect(tab.chat.getState()).toMatchObject({ was_authenticated: true, authentication: ANONYMOUS });
});

test("after the downgrade nothing is asked for until the customer wants it", async () => {
  const browser = new Browser();
  const source = provider();
  const tab = await signedIn(browser, source.give);
  tab.wire.say(authentication(2, "token_expired", ANONYMOUS));
  await browser.pass(3_600_000);
  expect(source.calls).toBe(1);
  const result = tab.chat.signIn();
  await browser.settle();
  tab.wire.say(authentication(3, "token_presented", signed("ada", 1001)));
  expect(await result).toBe(true);
});

test("after a revocation no token of before is presented again", async () => {
  const browser = new Browser();
  const source = provider();
  const tab = await signedIn(browser, source.give);
  tab.wire.say(authentication(2, "revoked", ANONYMOUS));
  tab.wire.shut(1006);
  await browser.again(tab);
  tab.wire.open();
  expect(tab.wire.of("resume")[0]?.token).not.toBe(jwt("ada", 1000));
});
