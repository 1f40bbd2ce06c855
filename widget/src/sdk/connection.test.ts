import { expect, test } from "vitest";
import { accepted, begun, Browser, entered, refusal, said } from "./testing.ts";

test("an announced wait comes first, and neither a waking page nor a message shortens it", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  tab.wire.shut(1013, "overloaded;retry_after_ms=8000");
  expect(tab.all("connection").at(-1)).toEqual({
    state: "waiting",
    retry_in_ms: 8750,
    code: 1013,
    reason: "overloaded;retry_after_ms=8000",
  });
  tab.chat.send("hello");
  tab.wake();
  await browser.pass(7999);
  expect(tab.wires).toHaveLength(1);
  tab.wake();
  await browser.pass(1);
  tab.wake();
  await browser.settle();
  expect(tab.wires).toHaveLength(2);
});

test("a first frame that is refused for now is tried again after what the refusal announces", async () => {
  const browser = new Browser();
  const tab = browser.tab();
  void tab.chat.start();
  await browser.settle();
  tab.wire.open();
  tab.wire.say(refusal("rate_limited", "start", { temporary: true, retry_after_ms: 4000 }));
  tab.wire.shut(4005, "try_again");
  expect(tab.all("connection").at(-1)).toMatchObject({ state: "waiting", retry_in_ms: 4750 });
});

test("a connection that is lost again and again is tried less often, until one has held", async () => {
  const browser = new Browser();
  browser.random = 1;
  const tab = await begun(browser);
  const waits = [];
  for (const held of [0, 0, 9999, 10_000, 0]) {
    await browser.pass(held);
    tab.wire.shut(1006);
    waits.push(tab.all("connection").at(-1)?.retry_in_ms);
    await browser.again(tab);
    tab.wire.open();
    tab.wire.say(entered("resumed"));
  }
  expect(waits).toEqual([1000, 2000, 4000, 1000, 2000]);
});

test("five faults of the gateway are forgiven, and a sixth isn't", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  for (let fault = 0; fault < 5; fault += 1) {
    tab.wire.shut(1011, "internal");
    expect(tab.chat.getState().connection).toBe("waiting");
    await browser.again(tab);
    tab.wire.open();
    tab.wire.say(entered("resumed"));
  }
  tab.wire.shut(1011, "internal");
  expect(tab.chat.getState().connection).toBe("ended");
  expect(tab.errors()).toEqual(["connection_closed"]);
});

test("a socket that never opens, or opens and never answers, is given up after 15 s", async () => {
  const browser = new Browser();
  const tab = browser.tab();
  browser.settings = 503;
  void tab.chat.start();
  await browser.settle();
  tab.wire.open();
  await browser.pass(14_999);
  expect(tab.wire.left).toBe(false);
  await browser.pass(1);
  expect(tab.wire.left).toBe(true);
  expect(tab.chat.getState().connection).toBe("waiting");
});

test("a page that comes back asks whether the socket is alive, and opens another where it isn't", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  tab.wake();
  expect(tab.wire.of("ping")).toHaveLength(1);
  tab.wire.say({ type: "pong" });
  await browser.pass(60_000);
  expect(tab.wires).toHaveLength(1);
  tab.wake();
  await browser.pass(4999);
  expect(tab.chat.getState().connection).toBe("open");
  await browser.pass(1001);
  expect(tab.wires).toHaveLength(2);
  tab.wires[0]?.say(said(2));
  expect(tab.all("message")).toEqual([]);
});

test("a page that comes back doesn't wait as long as for the answer to a message", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  tab.chat.send("hello");
  tab.wake();
  await browser.pass(5000);
  expect(tab.chat.getState().connection).toBe("waiting");
});

test("a page that comes back while it waits connects at once", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  tab.wire.shut(1006);
  tab.wake();
  await browser.settle();
  expect(tab.wires).toHaveLength(2);
  await browser.pass(1000);
  expect(tab.wires).toHaveLength(2);
});

test("while a node drains, another socket takes over and nothing is lost or doubled", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  const old = tab.wire;
  old.say(said(2), { type: "draining", reconnect_after_ms: 10_000 });
  await browser.pass(3999);
  expect(tab.wires).toHaveLength(1);
  await browser.pass(1);
  const next = tab.wire;
  expect(next).not.toBe(old);
  old.say(said(3));
  next.open();
  expect(next.of("resume")).toMatchObject([{ conversation: "c1", after: 3 }]);
  const id = tab.chat.send("hello").id ?? "";
  expect(old.of("message")).toHaveLength(1);
  old.say(said(4));
  next.say(entered("resumed", { sequence: 5 }), said(4), said(5), said(6));
  expect(old.left).toBe(true);
  expect(next.of("message").map((frame) => frame.id)).toEqual([id]);
  old.say(said(5));
  old.shut(1012, "draining");
  next.say(accepted(id, 5));
  const agents = tab.all("message").filter(({ from }) => from === "agent");
  expect(agents.map(({ sequence }) => sequence)).toEqual([2, 3, 4, 5, 6]);
  expect(tab.all("connection").map(({ state }) => state)).toEqual(["connecting", "open"]);
});

test("where no other node answers, the close of the draining one is waited for", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  const [old] = tab.wires;
  old?.say({ type: "draining", reconnect_after_ms: 10_000 });
  await browser.pass(4000);
  tab.wire.shut(1006);
  await browser.pass(5999);
  old?.say(said(2));
  expect(tab.wires).toHaveLength(2);
  old?.shut(1012, "draining");
  await browser.pass(1000);
  expect(tab.wires).toHaveLength(3);
  tab.wire.open();
  expect(tab.wire.of("resume")).toMatchObject([{ after: 2 }]);
});

test("a draining node that closes before the other has answered leaves the conversation to the other", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  const [old] = tab.wires;
  old?.say({ type: "draining", reconnect_after_ms: 1000 });
  await browser.pass(400);
  old?.shut(1012, "draining");
  expect(tab.chat.getState().connection).toBe("connecting");
  await browser.pass(1000);
  expect(tab.wires).toHaveLength(2);
  tab.wire.open();
  tab.wire.say(entered("resumed"));
  expect(tab.chat.getState().connection).toBe("open");
});

test("where the other socket is refused, the present one goes on", async () => {
  const browser = new Browser();
  const tab = await begun(browser);
  const [old] = tab.wires;
  old?.say({ type: "draining", reconnect_after_ms: 1000 });
  await browser.pass(400);
  tab.wire.open();
  tab.wire.say(refusal("unknown_conversation", "resume"));
  tab.wire.shut(4500, "token_refused");
  expect(tab.errors()).toEqual([]);
  old?.say(said(2));
  expect(tab.all("message")).toHaveLength(1);
  expect(tab.chat.getState().connection).toBe("open");
});

const FOR_GOOD = [1002, 1007, 1009, 4501, 4502];
test.each(FOR_GOOD)("after %i nothing is tried again, and what waits has failed", async (code) => {
  const browser = new Browser();
  const tab = await begun(browser);
  tab.chat.send("hello");
  tab.wire.shut(code);
  await browser.pass(60_000);
  expect(tab.wires).toHaveLength(1);
  expect(tab.chat.getState().connection).toBe("ended");
  expect(tab.chat.messages()).toMatchObject([{ delivery: "failed" }]);
  expect(tab.errors()).toEqual([code === 4501 ? "widget_unknown" : "connection_closed"]);
});

test("a browser that refuses the socket itself is a gateway that can't be reached", async () => {
  const browser = new Browser();
  browser.settings = 503;
  const tab = browser.tab({
    wire: () => {
      throw new Error("SecurityError");
    },
  });
  void tab.chat.start();
  await browser.pass(20_000);
  expect(tab.errors()).toEqual(["gateway_unreachable"]);
});
