import { expect, test } from "vitest";
import { begun, Browser, entered, jwt, refusal, said, settings, signed, stored } from "./testing.ts";

test("nothing happens before a method is called", async () => {
  const tab = new Browser().tab();
  expect(tab.wires).toEqual([]);
  expect(tab.chat.getState()).toMatchObject({ connection: "idle", conversation: null, sequence: 0, waiting: 0 });
  expect(tab.chat.hasConversation()).toBe(false);
});

test("a conversation begins with a key, the page's language and no token in the URL", async () => {
  const browser = new Browser();
  const tab = browser.tab();
  const started = tab.chat.start();
  await browser.settle();
  expect(tab.wire.url).toBe("wss://chat.example.com/chat/shop/web");
  tab.wire.open();
  const [start] = tab.wire.of("start");
  expect(start).toEqual({ type: "start", locale: "de-AT", context: {}, idempotency_key: expect.any(String) });
  expect(start?.idempotency_key).toMatch(/^[\w-]{22}$/);
  tab.wire.say(entered("started"));
  await started;
  expect(tab.all("started")).toMatchObject([{ conversation: "c1", resumed: false, replayed: 0, truncated: false }]);
  expect(tab.all("connection").map(({ state }) => state)).toEqual(["connecting", "open"]);
  expect([...browser.stored.values()]).toEqual(['{"conversation":"c1","resume_token":"secret-1"}']);
  expect(JSON.stringify(tab.heard)).not.toContain("secret-1");
});

test("two starts are one", async () => {
  const browser = new Browser();
  const tab = browser.tab();
  void tab.chat.start();
  void tab.chat.start();
  await browser.settle();
  expect(tab.wires).toHaveLength(1);
  tab.wire.open();
  tab.wire.say(entered("started"));
  await tab.chat.start();
  expect(tab.wires).toHaveLength(1);
});

test("a start that was lost is tried again with the same key, and what was begun is taken up", async () => {
  const browser = new Browser();
  const tab = browser.tab();
  const started = tab.chat.start();
  await browser.settle();
  tab.wire.open();
  const [first] = tab.wire.of("start");
  tab.wire.shut(1006);
  await browser.pass(1000);
  expect(tab.wires).toHaveLength(2);
  tab.wire.open();
  expect(tab.wire.of("start")).toEqual([first]);
  tab.wire.say(entered("resumed", { sequence: 1 }));
  await started;
  expect(tab.all("started")).toMatchObject([{ resumed: true }]);
});

test("what the context providers say comes with the start, once", async () => {
  const browser = new Browser();
  const tab = browser.tab();
  let calls = 0;
  tab.chat.setContextProvider(async () => ((calls += 1), { cart: 3, vip: true }));
  tab.chat.setContext({ cart: 4 });
  void tab.chat.start();
  await browser.settle();
  tab.wire.open();
  tab.wire.shut(1006);
  await browser.pass(1000);
  tab.wire.open();
  expect(tab.wire.of("start")[0]?.context).toEqual({ cart: 4, vip: true });
  tab.wire.say(entered("started"));
  expect(tab.wire.of("set_context")).toEqual([]);
  expect(calls).toBe(1);
  tab.chat.setContext({ page: "/lamps" });
  expect(tab.wire.of("set_context")).toEqual([{ type: "set_context", context: { page: "/lamps" } }]);
});

test("what the page has set reaches a conversation that is taken up", async () => {
  const browser = new Browser();
  stored(browser);
  const tab = browser.tab();
  tab.chat.setContext({ cart: 4 });
  void tab.chat.start();
  await browser.settle();
  tab.wire.open();
  tab.wire.say(entered("resumed", { sequence: 1 }));
  expect(tab.wire.of("set_context")).toEqual([{ type: "set_context", context: { cart: 4 } }]);
});

test("a context provider that fails is told of, and the chat begins without", async () => {
  const browser = new Browser();
  const tab = browser.tab();
  tab.chat.setContextProvider(() => {
    throw new Error("no cart");
  });
  void tab.chat.start();
  await browser.settle();
  tab.wire.open();
  expect(tab.wire.of("start")).toHaveLength(1);
  const error = { code: "context_provider_failed", message: expect.stringContaining("no cart") };
  expect(tab.all("error")).toMatchObject([error]);
});

test("a reload takes the conversation up with all of its past", async () => {
  const browser = new Browser();
  stored(browser);
  const tab = browser.tab();
  expect(tab.chat.hasConversation()).toBe(true);
  void tab.chat.start();
  await browser.settle();
  tab.wire.open();
  expect(tab.wire.sent).toEqual([{ type: "resume", conversation: "c1", resume_token: "secret-1" }]);
  tab.wire.say(entered("resumed", { sequence: 4, replayed: 2, truncated: true }), said(2), said(4), said(5));
  expect(tab.all("started")).toMatchObject([{ resumed: true, replayed: 2, truncated: true }]);
  expect(tab.all("message").map(({ sequence, past }) => [sequence, past])).toEqual([
    [2, true],
    [4, true],
    [5, false],
  ]);
});

test("a frame that isn't known, or none, is ignored", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  const before = tab.heard.length;
  tab.wire.say({ type: "weather", sequence: 2 }, { type: "constructor" }, {});
  for (const text of ["", "null", "[]", "5", "no JSON"]) tab.wire.text(text);
  expect(tab.heard.length).toBe(before);
  tab.wire.say(said(3));
  expect(tab.all("message")).toHaveLength(1);
});

test("the end is said again until it is heard, and nothing is left in storage", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  tab.chat.end();
  tab.wire.shut(1006);
  await browser.pass(1000);
  tab.wire.open();
  tab.wire.say(entered("resumed"));
  expect(tab.wire.of("end")).toHaveLength(1);
  tab.wire.say({ type: "ended", sequence: 2, by: "customer" });
  tab.wire.shut(1000, "ended");
  expect(tab.all("ended")).toMatchObject([{ by: "customer", past: false }]);
  expect(tab.chat.getState().connection).toBe("ended");
  expect(browser.stored.size).toBe(0);
  expect(tab.chat.hasConversation()).toBe(false);
  await browser.pass(60_000);
  expect(tab.wires).toHaveLength(2);
});

test("after the end the next message begins anew, and what was shown goes", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  const [first] = tab.wires;
  tab.wire.say(said(2), { type: "ended", sequence: 3, by: "agent" });
  tab.chat.send("again");
  await browser.settle();
  expect(tab.all("cleared")).toEqual([{ reason: "new_conversation" }]);
  expect(tab.chat.messages().map(({ text }) => text)).toEqual(["again"]);
  tab.wire.open();
  expect(tab.wire).not.toBe(first);
  expect(tab.wire.of("start")).toHaveLength(1);
});

test("a ninth socket ends the chat in the tab of the oldest, and says so", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  tab.wire.shut(4503, "too_many_sockets");
  expect(tab.chat.getState().connection).toBe("ended");
  const error = { code: "connection_closed", message: expect.stringContaining("too_many_sockets") };
  expect(tab.all("error")).toMatchObject([error]);
  await browser.pass(60_000);
  expect(tab.wires).toHaveLength(1);
  void tab.chat.start();
  await browser.settle();
  tab.wire.open();
  expect(tab.wire.of("resume")).toMatchObject([{ conversation: "c1", after: 1 }]);
});

test("a widget that neither the settings nor the socket know is unknown", async () => {
  const browser = new Browser();
  const tab = browser.tab();
  const refused = tab.chat.start().catch((error) => error.code);
  await browser.settle();
  tab.wire.shut(1006);
  expect(await refused).toBe("widget_unknown");
  expect(tab.chat.getState().connection).toBe("ended");
});

test("a gateway that can't be reached is tried on, and told of once", async () => {
  const browser = new Browser();
  browser.settings = settings("optional");
  const tab = browser.tab();
  void tab.chat.start();
  for (let attempt = 0; attempt < 6; attempt += 1) {
    await browser.settle();
    tab.wire.shut(1006);
    await browser.again(tab);
  }
  expect(tab.wires).toHaveLength(7);
  expect(tab.errors()).toEqual(["gateway_unreachable"]);
  tab.wire.open();
  tab.wire.say(entered("started"));
  expect(tab.chat.getState().connection).toBe("open");
});

test("a conversation that is gone ends, unless something was written before: that goes into a new one", async () => {
  const browser = new Browser();
  stored(browser);
  const quiet = browser.tab();
  const refused = quiet.chat.start().catch((error) => error.code);
  await browser.settle();
  quiet.wire.open();
  quiet.wire.say(refusal("unknown_conversation", "resume"));
  expect(await refused).toBe("unknown_conversation");
  expect(browser.stored.size).toBe(0);
  expect(quiet.chat.getState().connection).toBe("ended");

  stored(browser);
  const writes = browser.tab();
  writes.chat.send("hello");
  await browser.settle();
  writes.wire.open();
  writes.wire.say(refusal("unknown_conversation", "resume"));
  await browser.settle();
  expect(writes.wires).toHaveLength(2);
  writes.wire.open();
  writes.wire.say(entered("started", { conversation: "c2" }));
  expect(writes.wire.of("message")).toHaveLength(1);
  expect(writes.errors()).toEqual([]);
});

test("leaving forgets, and the customer's next start is not the same conversation", async () => {
  const browser = new Browser();
  const tab = browser.tab();
  tab.chat.setAuthTokenProvider(() => jwt("ada", 1000));
  void tab.chat.start();
  await browser.settle();
  tab.wire.open();
  expect(tab.wire.of("start")).toMatchObject([{ continue: true, token: jwt("ada", 1000) }]);
  tab.wire.say(entered("started", { authentication: signed("ada", 1000) }));
  tab.chat.leave();
  expect(tab.all("cleared")).toEqual([{ reason: "left" }]);
  expect(browser.stored.size).toBe(0);
  void tab.chat.start();
  await browser.settle();
  tab.wire.open();
  expect(tab.wire.of("start")).toMatchObject([{ continue: false }]);
});

test("a page that disconnects comes back to the same conversation with what it has missed", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  tab.wire.say(said(2));
  tab.chat.disconnect();
  expect(tab.wire.left).toBe(true);
  expect(tab.chat.getState().connection).toBe("idle");
  void tab.chat.start();
  await browser.settle();
  tab.wire.open();
  expect(tab.wire.of("resume")).toMatchObject([{ after: 2 }]);
});

test("where the browser has neither locks nor channels nor storage, the chat works for the one tab", async () => {
  const browser = new Browser();
  const missing = (): never => {
    throw new Error("denied");
  };
  const tab = await begun(browser, { storage: missing, locks: missing, channel: missing });
  expect(tab.chat.getState().connection).toBe("open");
  tab.wire.shut(1006);
  await browser.pass(1000);
  tab.wire.open();
  expect(tab.wire.of("resume")).toMatchObject([{ conversation: "c1", resume_token: "secret-1", after: 1 }]);
});

test("a listener that throws disturbs nobody, and hears no more once it has had enough", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  let heard = 0;
  const off = tab.chat.on("message", () => void (heard += 1));
  tab.wire.say(said(2));
  off();
  tab.wire.say(said(3));
  expect(heard).toBe(1);
});

test("what the gateway tells is handed on", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  tab.wire.say(
    { type: "assigned", sequence: 2, queue: "sales", agent: "Grace" },
    { type: "read", sequence: 3, by: "agent", up_to: 2 },
    { type: "typing", from: "agent" },
    { type: "authentication_requested", sequence: 4, message: "please" },
    { type: "context", sequence: 3, context: { accepted: ["cart"], rejected: [] } },
  );
  expect(tab.all("assigned")).toEqual([{ sequence: 2, queue: "sales", agent: "Grace", past: false }]);
  expect(tab.all("read")).toEqual([{ sequence: 3, by: "agent", up_to: 2, past: false }]);
  expect(tab.all("typing")).toEqual([{ from: "agent" }]);
  expect(tab.all("authentication-requested")).toEqual([{ sequence: 4, message: "please", past: false }]);
  expect(tab.all("context")).toEqual([{ accepted: ["cart"], rejected: [] }]);
  expect(tab.chat.getState()).toMatchObject({ queue: "sales", agent: "Grace", sequence: 4 });
});

test("the settings are asked for once, and again where the gateway gave none", async () => {
  const browser = new Browser();
  browser.settings = 503;
  const tab = browser.tab();
  await expect(tab.chat.settings()).rejects.toMatchObject({ code: "gateway_unreachable", temporary: true });
  browser.settings = settings("required");
  expect(await tab.chat.settings()).toEqual(settings("required"));
  browser.settings = 404;
  expect(await tab.chat.settings()).toEqual(settings("required"));
});

test("settings that hang don't keep the chat", async () => {
  const browser = new Browser();
  const tab = browser.tab({ fetch: () => new Promise(() => {}) });
  void tab.chat.start();
  await browser.pass(4999);
  expect(tab.wires).toHaveLength(0);
  await browser.pass(1);
  expect(tab.wires).toHaveLength(1);
});

test("who leaves before the chat has begun doesn't come back to what was begun", async () => {
  const browser = new Browser();
  const tab = browser.tab();
  const keys = [];
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const started = tab.chat.start().catch((error) => error.code);
    await browser.settle();
    tab.wire.open();
    keys.push(tab.wire.of("start")[0]?.idempotency_key);
    tab.chat.leave();
    expect(await started).toBe("connection_closed");
  }
  expect(new Set(keys).size).toBe(2);
});
