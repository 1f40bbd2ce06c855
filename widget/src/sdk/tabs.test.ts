import { expect, test } from "vitest";
import { begun, Browser, entered, jwt, refusal, said, signed, type Tab } from "./testing.ts";

const KEY = "usher:shop/web";

/** Another tab in the conversation of the first. */
async function joins(browser: Browser, authentication: object = { status: "anonymous" }): Promise<Tab> {
  const tab = browser.tab();
  void tab.chat.start();
  await browser.settle();
  tab.wire.open();
  tab.wire.say(entered("resumed", { authentication }));
  await browser.settle();
  return tab;
}

/** Tabs that are all in ada's conversation, each with a provider of its own; what they have called. */
async function three(browser: Browser, newest = 1000): Promise<{ tabs: Tab[]; calls: () => number }> {
  let calls = 0;
  const tabs = [];
  for (let count = 0; count < 3; count += 1) {
    const tab = browser.tab();
    tab.chat.setAuthTokenProvider(() => jwt("ada", calls++ < 3 ? newest : newest + calls));
    void tab.chat.start();
    await browser.pass(300);
    tab.wire.open();
    tab.wire.say(entered(count ? "resumed" : "started", { authentication: signed("ada", newest) }));
    await browser.settle();
    tabs.push(tab);
  }
  return { tabs, calls: () => calls };
}

test("two tabs that begin at once begin one conversation", async () => {
  const browser = new Browser();
  const [one, other] = [browser.tab(), browser.tab()];
  void one.chat.start();
  void other.chat.start();
  await browser.settle();
  expect([one.wires.length, other.wires.length]).toEqual([1, 0]);
  one.wire.open();
  one.wire.say(entered("started"));
  await browser.settle();
  other.wire.open();
  expect(other.wire.sent).toEqual([{ type: "resume", conversation: "c1", resume_token: "secret-1" }]);
});

test("a start that fails lets the other tab begin", async () => {
  const browser = new Browser();
  const [one, other] = [browser.tab(), browser.tab()];
  void one.chat.start();
  void other.chat.start();
  await browser.settle();
  one.wire.open();
  one.wire.shut(1006);
  await browser.settle();
  other.wire.open();
  expect(other.wire.of("start")).toHaveLength(1);
  other.wire.say(entered("started"));
  await browser.again(one);
  one.wire.open();
  expect(one.wire.of("resume")).toMatchObject([{ conversation: "c1" }]);
});

test("three tabs refresh with one call of one provider, and one presents the token", async () => {
  const browser = new Browser();
  const { tabs, calls } = await three(browser);
  expect(calls()).toBe(3);
  for (const { wire } of tabs) wire.say({ type: "token_expiring", expires_at: "x", refresh_by: "y" });
  await browser.pass(1000);
  expect(calls()).toBe(4);
  expect(tabs.map(({ wire }) => wire.of("authenticate").length)).toEqual([1, 0, 0]);
  const told = {
    type: "authentication",
    authentication: signed("ada", 1004),
    reason: "token_refreshed",
    sequence: 2,
  };
  for (const { wire } of tabs) wire.say(told);
  await browser.pass(10_000);
  expect(tabs.map(({ wire }) => wire.of("authenticate").length)).toEqual([1, 0, 0]);
  for (const tab of tabs) tab.wire.shut(1006);
  await browser.pass(1000);
  for (const { wire } of tabs) wire.open();
  expect(tabs.map(({ wire }) => wire.of("resume")[0]?.token)).toEqual(Array(3).fill(jwt("ada", 1004)));
  expect(calls()).toBe(4);
});

test("where the tab that got the token can't present it, another does", async () => {
  const browser = new Browser();
  const { tabs } = await three(browser);
  const [first, second] = tabs;
  first?.wire.say({ type: "token_expiring", expires_at: "x", refresh_by: "y" });
  second?.wire.say({ type: "token_expiring", expires_at: "x", refresh_by: "y" });
  first?.wire.shut(1006);
  await browser.pass(2999);
  expect(second?.wire.of("authenticate")).toEqual([]);
  await browser.pass(1);
  expect(second?.wire.of("authenticate")).toHaveLength(1);
});

test("a tab that was cut by the first sign-in comes back with the token of the tab that signed in", async () => {
  const browser = new Browser();
  const one = await begun(browser);
  const other = await joins(browser);
  one.chat.setAuthTokenProvider(() => jwt("ada", 1000));
  void one.chat.signIn();
  await browser.settle();
  other.wire.say(said(2));
  other.wire.shut(4004, "reconnect");
  one.wire.say({
    type: "authentication",
    authentication: signed("ada", 1000),
    reason: "token_presented",
    sequence: 3,
    resume_token: "secret-2",
  });
  await browser.again(other);
  other.wire.open();
  expect(other.wire.sent).toEqual([
    { type: "resume", conversation: "c1", resume_token: "secret-2", after: 2, token: jwt("ada", 1000) },
  ]);
});

test("a tab that comes back before the new secret is stored tries again with it", async () => {
  const browser = new Browser();
  const one = await begun(browser);
  const other = await joins(browser);
  one.chat.setAuthTokenProvider(() => jwt("ada", 1000));
  void one.chat.signIn();
  await browser.settle();
  other.wire.shut(4004, "reconnect");
  await browser.again(other);
  other.wire.open();
  other.wire.say(refusal("unknown_conversation", "resume"));
  other.wire.shut(4500, "token_refused");
  expect(other.chat.getState().connection).toBe("waiting");
  browser.stored.set(KEY, JSON.stringify({ conversation: "c1", resume_token: "secret-2" }));
  await browser.again(other);
  other.wire.open();
  expect(other.wire.of("resume")).toMatchObject([{ resume_token: "secret-2" }]);
  expect(other.errors()).toEqual([]);
});

test("a tab that resumes with the old secret just as another replaces it tries with the new one", async () => {
  const browser = new Browser();
  await begun(browser);
  const other = browser.tab();
  void other.chat.start();
  await browser.settle();
  other.wire.open();
  browser.stored.set(KEY, JSON.stringify({ conversation: "c1", resume_token: "secret-2" }));
  other.wire.say(refusal("unknown_conversation", "resume"));
  await browser.settle();
  other.wire.open();
  expect(other.wire.of("resume")).toMatchObject([{ resume_token: "secret-2" }]);
});

test("an answer that was under way doesn't undo the new secret of another tab", async () => {
  const browser = new Browser();
  await begun(browser);
  const other = browser.tab();
  void other.chat.start();
  await browser.settle();
  other.wire.open();
  browser.stored.set(KEY, JSON.stringify({ conversation: "c1", resume_token: "secret-2" }));
  other.wire.say(entered("resumed"));
  expect(browser.stored.get(KEY)).toContain("secret-2");
});

test("a tab without a provider asks the others for their token where one is required", async () => {
  const browser = new Browser();
  const one = browser.tab();
  one.chat.setAuthTokenProvider(() => jwt("ada", 1000));
  void one.chat.start();
  await browser.settle();
  one.wire.open();
  one.wire.say(entered("started", { authentication: signed("ada", 1000) }));
  const other = browser.tab();
  void other.chat.start();
  await browser.settle();
  other.wire.open();
  expect(other.wire.of("resume")[0]).not.toHaveProperty("token");
  other.wire.say(refusal("authentication_required", "resume"));
  await browser.settle();
  other.wire.open();
  expect(other.wire.of("resume")).toMatchObject([{ token: jwt("ada", 1000) }]);
  expect(other.errors()).toEqual([]);
});

test("a tab that waits for its customer comes back when another tab signs in", async () => {
  const browser = new Browser();
  browser.stored.set(KEY, JSON.stringify({ conversation: "c1", resume_token: "secret-1" }));
  const waits = browser.tab();
  void waits.chat.start();
  await browser.settle();
  waits.wire.open();
  waits.wire.say(refusal("authentication_required", "resume"));
  await browser.pass(300);
  expect(waits.chat.getState().connection).toBe("idle");
  const other = browser.tab();
  other.chat.setAuthTokenProvider(() => jwt("ada", 1000));
  void other.chat.start();
  await browser.settle();
  waits.wire.open();
  waits.wire.say(refusal("authentication_required", "resume"));
  await browser.settle();
  waits.wire.open();
  expect(waits.wire.of("resume")).toMatchObject([{ token: jwt("ada", 1000) }]);
});

test("the page's own provider decides who is signed in on it, whatever other tabs say", async () => {
  const browser = new Browser();
  const { tabs } = await three(browser);
  const stranger = browser.tab();
  stranger.chat.setAuthTokenProvider(() => jwt("eve", 5000));
  void stranger.chat.signIn();
  await browser.settle();
  const [tab] = tabs;
  tab?.wire.shut(1006);
  await browser.pass(1000);
  tab?.wire.open();
  expect(tab?.wire.of("resume")).toMatchObject([{ token: jwt("ada", 1000) }]);
});

test.each(["signed_out", "left"] as const)("%s in one tab clears all tabs of the conversation", async (reason) => {
  const browser = new Browser();
  const one = await begun(browser);
  const other = await joins(browser);
  const offline = await joins(browser);
  offline.wire.shut(1006);
  if (reason === "left") one.chat.leave();
  else one.chat.signOut();
  await browser.settle();
  for (const tab of [one, other, offline]) {
    expect(tab.all("cleared")).toEqual([{ reason }]);
    expect(tab.chat.getState()).toMatchObject({ connection: "idle", conversation: null });
  }
  await browser.pass(60_000);
  expect(offline.wires).toHaveLength(1);
  expect(browser.stored.size).toBe(0);
});

test("a tab in another conversation is not cleared, nor is what is stored of it", async () => {
  const browser = new Browser();
  const old = await begun(browser);
  browser.stored.clear();
  const tab = browser.tab();
  void tab.chat.start();
  await browser.settle();
  tab.wire.open();
  tab.wire.say(entered("started", { conversation: "c2" }));
  old.wire.shut(4504, "signed_out");
  await browser.settle();
  expect(tab.all("cleared")).toEqual([]);
  expect(tab.chat.getState().connection).toBe("open");
});

test("a tab that was offline goes on with the conversation that another has begun meanwhile", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  tab.wire.say(said(2));
  tab.wire.shut(1006);
  browser.stored.set(KEY, JSON.stringify({ conversation: "c2", resume_token: "secret-9" }));
  const { id } = tab.chat.send("hello");
  await browser.again(tab);
  tab.wire.open();
  expect(tab.wire.sent).toEqual([{ type: "resume", conversation: "c2", resume_token: "secret-9" }]);
  tab.wire.say(entered("resumed", { conversation: "c2", resume_token: "secret-9", sequence: 4 }), said(4));
  expect(tab.all("cleared")).toEqual([{ reason: "new_conversation" }]);
  expect(tab.chat.messages().map((message) => message.id ?? message.text)).toEqual(["message 4", id]);
  expect(tab.wire.of("message")).toHaveLength(1);
});

test("the token that another tab has lent is kept, and is refreshed by the others", async () => {
  const browser = new Browser();
  const one = browser.tab();
  one.chat.setAuthTokenProvider(() => jwt("ada", 1000));
  void one.chat.signIn();
  await browser.settle();
  browser.stored.set(KEY, JSON.stringify({ conversation: "c1", resume_token: "secret-1" }));
  const other = browser.tab();
  void other.chat.start();
  await browser.settle();
  other.wire.open();
  other.wire.say(refusal("authentication_required", "resume"));
  await browser.settle();
  other.wire.open();
  other.wire.say(entered("resumed", { authentication: signed("ada", 1000) }));
  one.chat.setAuthTokenProvider(() => jwt("ada", 1100));
  void one.chat.signIn();
  await browser.settle();
  other.wire.shut(1006);
  await browser.again(other);
  other.wire.open();
  expect(other.wire.of("resume")).toMatchObject([{ token: jwt("ada", 1100) }]);
});

test("a tab that hears late of the end of its conversation leaves alone what another has begun", async () => {
  const browser = new Browser();
  const late = await begun(browser);
  const next = JSON.stringify({ conversation: "c2", resume_token: "secret-9" });
  browser.stored.set(KEY, next);
  late.wire.shut(4504, "signed_out");
  expect(browser.stored.get(KEY)).toBe(next);
});
