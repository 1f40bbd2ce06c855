import { expect, test } from "vitest";
import { ANONYMOUS, authentication, begun, Browser, entered, jwt, provider, refusal } from "./testing.ts";
import { settings, signed, signedIn, stored } from "./testing.ts";
import type { AuthTokenProvider } from "./types.ts";

test("a provider is asked when a token is needed, not when it is set, and the start waits for it", async () => {
  const browser = new Browser();
  const tab = browser.tab();
  let give: (token: string) => void = () => {};
  let calls = 0;
  tab.chat.setAuthTokenProvider((done) => ((calls += 1), void (give = done)));
  await browser.settle();
  expect(calls).toBe(0);
  void tab.chat.start();
  await browser.pass(5000);
  expect(calls).toBe(1);
  expect(tab.wires).toHaveLength(0);
  give(jwt("ada", 1000));
  await browser.settle();
  tab.wire.open();
  expect(tab.wire.of("start")).toMatchObject([{ token: jwt("ada", 1000), continue: true }]);
  expect(tab.wire.url).not.toContain("ey");
  expect(JSON.stringify([...browser.stored])).not.toContain("ey");
});

test("the settings' function is the provider where the page has set none", async () => {
  const browser = new Browser();
  browser.settings = settings("optional", "auth.getAuthenticationToken");
  const page = { auth: { getAuthenticationToken: (done: (token: string) => void) => done(jwt("ada", 1000)) } };
  const tab = browser.tab({ page });
  void tab.chat.start();
  await browser.settle();
  tab.wire.open();
  expect(tab.wire.of("start")).toMatchObject([{ token: jwt("ada", 1000) }]);
});

test("a function that the page doesn't have is told of, and the chat begins without a sign-in", async () => {
  const browser = new Browser();
  browser.settings = settings("optional", "auth.getAuthenticationToken");
  const tab = browser.tab();
  void tab.chat.start();
  await browser.settle();
  tab.wire.open();
  expect(tab.wire.of("start")[0]).not.toHaveProperty("token");
  expect(tab.errors()).toEqual(["provider_not_found"]);
});

test("a provider that gives none is told of once, not at each reconnect", async () => {
  const browser = new Browser();
  const tab = browser.tab();
  let calls = 0;
  tab.chat.setAuthTokenProvider(() => ((calls += 1), null));
  void tab.chat.start();
  await browser.settle();
  tab.wire.open();
  tab.wire.say(entered("started"));
  tab.wire.shut(1006);
  await browser.again(tab);
  expect(tab.wires).toHaveLength(2);
  expect(calls).toBe(1);
  expect(tab.errors()).toEqual(["provider_empty"]);
});

test("where signing in is off no token is asked for", async () => {
  const browser = new Browser();
  browser.settings = settings("off");
  const tab = browser.tab();
  const { give } = provider();
  tab.chat.setAuthTokenProvider(give);
  void tab.chat.start();
  await browser.settle();
  tab.wire.open();
  expect(tab.wire.of("start")[0]).not.toHaveProperty("token");
});

test("where it is required nothing is sent without a token, and what is written waits for it", async () => {
  const browser = new Browser();
  browser.settings = settings("required");
  const tab = browser.tab();
  const refused = tab.chat.start().catch((error) => error.code);
  expect(await refused).toBe("authentication_required");
  expect(tab.wires).toHaveLength(0);
  expect(tab.chat.getState().connection).toBe("idle");
  tab.chat.setAuthTokenProvider(provider().give);
  tab.chat.send("hello");
  await browser.settle();
  tab.wire.open();
  tab.wire.say(entered("started", { authentication: signed("ada", 1000) }));
  expect(tab.wire.of("message")).toHaveLength(1);
  tab.wire.say(authentication(2, "token_expired", ANONYMOUS));
  tab.chat.send("while downgraded");
  tab.chat.setContext({ cart: 1 });
  expect(tab.wire.of("message")).toHaveLength(1);
  expect(tab.wire.of("set_context")).toEqual([]);
  tab.wire.say(authentication(3, "token_presented", signed("ada", 1100)));
  expect(tab.wire.of("message").map(({ text }) => text)).toEqual(["hello", "while downgraded"]);
  expect(tab.wire.of("set_context")).toHaveLength(1);
});

test("signing in presents what the provider gives, and says what came of it", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  tab.chat.setAuthTokenProvider(provider().give);
  const result = tab.chat.signIn();
  await browser.settle();
  expect(tab.wire.of("authenticate")).toEqual([{ type: "authenticate", token: jwt("ada", 1000) }]);
  tab.wire.say(authentication(2, "token_presented", signed("ada", 1000), "secret-2"));
  expect(await result).toBe(true);
  expect([...browser.stored.values()]).toEqual(['{"conversation":"c1","resume_token":"secret-2"}']);
  expect(JSON.stringify(tab.heard)).not.toContain("secret-2");
  expect(tab.chat.getState()).toMatchObject({ was_authenticated: true, authentication: { subject: "ada" } });
});

test.each<[string, AuthTokenProvider, string]>([
  [
    "throws",
    () => {
      throw new Error("x");
    },
    "provider_failed",
  ],
  ["hangs", () => undefined, "provider_timeout"],
  ["gives null", () => null, "provider_empty"],
])("signing in with a provider that %s fails, and the chat goes on", async (_, give, code) => {
  const browser = new Browser();
  const tab = await begun(browser);
  tab.chat.setAuthTokenProvider(give);
  const result = tab.chat.signIn();
  await browser.pass(10_000);
  expect(await result).toBe(false);
  expect(tab.errors()).toEqual([code]);
  expect(tab.chat.getState().connection).toBe("open");
});

test("a sign-in that fails where the conversation is signed in leaves it so", async () => {
  const browser = new Browser();
  const tab = await signedIn(browser, provider().give);
  tab.chat.setAuthTokenProvider(() => null);
  expect(await tab.chat.signIn()).toBe(true);
  tab.chat.setAuthTokenProvider(() => "garbage");
  const result = tab.chat.signIn();
  await browser.settle();
  tab.wire.say(refusal("malformed", "authenticate"));
  expect(await result).toBe(true);
});

test("signing in with a token that the gateway refuses fails, and the chat goes on", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  tab.chat.setAuthTokenProvider(() => "garbage");
  const result = tab.chat.signIn();
  await browser.settle();
  tab.wire.say(refusal("malformed", "authenticate"));
  expect(await result).toBe(false);
  expect(tab.errors()).toEqual(["malformed"]);
  expect(tab.chat.getState().connection).toBe("open");
});

test("a sign-in that is refused for now is tried again after what is announced, three times in all", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  tab.chat.setAuthTokenProvider(provider().give);
  const result = tab.chat.signIn();
  await browser.settle();
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    expect(tab.wire.of("authenticate")).toHaveLength(attempt);
    tab.wire.say(refusal("keys_unavailable", "authenticate", { temporary: true, retry_after_ms: 3000 }));
    await browser.pass(3000);
  }
  expect(await result).toBe(false);
});

test("a sign-in outlives the loss of the connection", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  tab.chat.setAuthTokenProvider(provider().give);
  const result = tab.chat.signIn();
  await browser.settle();
  tab.wire.shut(1006);
  await browser.again(tab);
  tab.wire.open();
  expect(tab.wire.of("resume")).toMatchObject([{ token: jwt("ada", 1000) }]);
  tab.wire.say(entered("resumed", { resume_token: "secret-2", authentication: signed("ada", 1000) }));
  expect(await result).toBe(true);
  expect([...browser.stored.values()]).toEqual(['{"conversation":"c1","resume_token":"secret-2"}']);
});

test("where the answer to the first sign-in was lost, the customer's token finds the conversation again", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  tab.chat.setAuthTokenProvider(provider().give);
  const result = tab.chat.signIn();
  await browser.settle();
  tab.chat.send("hello");
  tab.wire.shut(1006);
  await browser.again(tab);
  tab.wire.open();
  tab.wire.say(refusal("unknown_conversation", "resume"));
  tab.wire.shut(4500, "token_refused");
  await browser.settle();
  tab.wire.open();
  expect(tab.wire.of("start")).toMatchObject([{ continue: true, token: jwt("ada", 1000) }]);
  tab.wire.say(entered("resumed", { resume_token: "secret-2", sequence: 2, authentication: signed("ada", 1000) }));
  expect(await result).toBe(true);
  expect(tab.wire.of("message")).toHaveLength(1);
  expect(tab.all("cleared")).toEqual([]);
  expect(tab.errors()).toEqual([]);
});

test("a token that was refused is replaced by a fresh one once", async () => {
  const browser = new Browser();
  const { give } = provider();
  const tab = await signedIn(browser, give);
  tab.wire.shut(1006);
  await browser.again(tab);
  tab.wire.open();
  expect(tab.wire.of("resume")).toMatchObject([{ token: jwt("ada", 1000) }]);
  tab.wire.say(refusal("authentication_required", "resume"));
  await browser.pass(300);
  expect(tab.wires).toHaveLength(3);
  tab.wire.open();
  expect(tab.wire.of("resume")).toMatchObject([{ token: jwt("ada", 1001) }]);
  tab.wire.say(refusal("revoked", "resume"));
  await browser.pass(60_000);
  expect(tab.wires).toHaveLength(3);
  expect(tab.errors()).toEqual(["revoked"]);
  expect(tab.chat.getState().connection).toBe("idle");
  expect(tab.chat.hasConversation()).toBe(true);
});

test("a conversation that needs its customer waits, and comes back when a provider is set", async () => {
  const browser = new Browser();
  stored(browser);
  const tab = browser.tab();
  const refused = tab.chat.start().catch((error) => error.code);
  await browser.settle();
  tab.wire.open();
  tab.wire.say(refusal("authentication_required", "resume"));
  expect(await refused).toBe("authentication_required");
  expect(tab.chat.getState().connection).toBe("idle");
  expect(tab.chat.hasConversation()).toBe(true);
  tab.chat.setAuthTokenProvider(provider().give);
  await browser.settle();
  tab.wire.open();
  expect(tab.wire.of("resume")).toMatchObject([{ token: jwt("ada", 1000) }]);
  tab.wire.say(entered("resumed", { authentication: signed("ada", 1000) }));
  expect(tab.all("started")).toHaveLength(1);
});

test("signing in takes up a conversation that needs its customer", async () => {
  const browser = new Browser();
  stored(browser);
  const tab = browser.tab();
  tab.chat.setAuthTokenProvider(provider().give);
  const result = tab.chat.signIn();
  await browser.settle();
  tab.wire.open();
  tab.wire.say(entered("resumed", { authentication: signed("ada", 1000) }));
  expect(await result).toBe(true);
});

test("signing in begins no conversation", async () => {
  const browser = new Browser();
  const tab = browser.tab();
  tab.chat.setAuthTokenProvider(provider().give);
  expect(await tab.chat.signIn()).toBe(false);
  expect(tab.wires).toHaveLength(0);
});

test.each(["resume", "authenticate"])("another customer's token at %s: nothing of the former is left", async (at) => {
  const browser = new Browser();
  const tab = await begun(browser);
  tab.chat.setAuthTokenProvider(() => jwt("eve", 2000));
  const result = tab.chat.signIn();
  await browser.settle();
  if (at === "resume") {
    tab.wire.shut(1006);
    await browser.again(tab);
    tab.wire.open();
  }
  tab.wire.say(refusal("subject_mismatch", at));
  expect(await result).toBe(false);
  expect(tab.all("cleared")).toEqual([{ reason: "customer_changed" }]);
  expect(tab.errors()).toEqual(["subject_mismatch"]);
  expect(browser.stored.size).toBe(0);
  expect(tab.chat.messages()).toEqual([]);
  expect(tab.chat.getState()).toMatchObject({ connection: "idle", conversation: null, authentication: null });
  void tab.chat.start();
  await browser.settle();
  tab.wire.open();
  expect(tab.wire.of("start")).toMatchObject([{ token: jwt("eve", 2000) }]);
});

test("a start with a token that is refused asks for another once", async () => {
  const browser = new Browser();
  const source = provider();
  const tab = browser.tab();
  tab.chat.setAuthTokenProvider(source.give);
  const refused = tab.chat.start().catch((error) => error.code);
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    await browser.pass(300);
    expect(tab.wires).toHaveLength(attempt);
    tab.wire.open();
    tab.wire.say({ ...refusal("expired", "start"), correlation_id: `attempt ${attempt}` });
    tab.wire.shut(4500, "token_refused");
  }
  expect(await refused).toBe("expired");
  expect(tab.all("error").map(({ correlation_id }) => correlation_id)).toEqual(["attempt 1", "attempt 2"]);
  expect(source.calls).toBe(2);
  expect(tab.chat.getState().connection).toBe("idle");
});

test("a refused token that the widget lets in as anonymous begins the chat", async () => {
  const browser = new Browser();
  const tab = browser.tab();
  tab.chat.setAuthTokenProvider(() => "garbage");
  const started = tab.chat.start();
  await browser.settle();
  tab.wire.open();
  tab.wire.say(refusal("malformed", "start"), entered("started"));
  await started;
  await browser.pass(60_000);
  expect(tab.errors()).toEqual(["malformed"]);
  expect(tab.wires).toHaveLength(1);
});

test("signing out tells the gateway and forgets everything, what a provider says late included", async () => {
  const browser = new Browser();
  const source = provider();
  const tab = await signedIn(browser, source.give);
  let give: (token: string) => void = () => {};
  tab.chat.setAuthTokenProvider((done) => void (give = done));
  tab.wire.say({ type: "token_expiring", expires_at: "x", refresh_by: "y" });
  await browser.pass(300);
  tab.chat.signOut();
  expect(tab.wire.of("sign_out")).toHaveLength(1);
  expect(tab.all("cleared")).toEqual([{ reason: "signed_out" }]);
  expect(browser.stored.size).toBe(0);
  give(jwt("ada", 2000));
  await browser.settle();
  tab.chat.setAuthTokenProvider(null);
  void tab.chat.start();
  await browser.settle();
  tab.wire.open();
  expect(tab.wire.of("start")[0]).not.toHaveProperty("token");
});

test("a sign-out elsewhere clears this page", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  tab.wire.shut(4504, "signed_out");
  expect(tab.all("cleared")).toEqual([{ reason: "signed_out" }]);
  expect(browser.stored.size).toBe(0);
  await browser.pass(60_000);
  expect(tab.wires).toHaveLength(1);
});

test("a page that is opened by another customer begins anew, and says why", async () => {
  const browser = new Browser();
  stored(browser);
  const tab = browser.tab();
  tab.chat.setAuthTokenProvider(() => jwt("eve", 2000));
  const refused = tab.chat.start().catch((error) => error.code);
  await browser.settle();
  tab.wire.open();
  tab.wire.say(refusal("subject_mismatch", "resume"));
  expect(await refused).toBe("subject_mismatch");
  expect(tab.all("cleared")).toEqual([{ reason: "customer_changed" }]);
  expect(browser.stored.size).toBe(0);
});
