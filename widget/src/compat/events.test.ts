import { beforeEach, describe, expect, it, vi } from "vitest";
import type { ChatEvents } from "../sdk/types.ts";
import { REPEATED_MS } from "./events.ts";
import { Page } from "./fakes.ts";

let page: Page;

beforeEach(() => {
  page = new Page();
});

function message(given: Partial<ChatEvents["message"]>): ChatEvents["message"] {
  const at = "2026-01-01T00:00:00.000Z";
  return { at, from: "agent", text: "Secret of the customer", delivery: "received", past: false, ...given };
}

describe("a conversation", () => {
  it("that begins is started and queued", () => {
    page.chat.begin("c1");
    expect(page.names()).toEqual(["startChat", "chatQueued"]);
  });

  it("that is taken up is retrieved, and a reconnect is nothing new", () => {
    page.chat.begin("c1", true);
    page.chat.begin("c1", true);
    expect(page.names()).toEqual(["chatRetrieved"]);
  });

  it("that follows another one is told as the first was", async () => {
    page.chat.begin("c1");
    await page.chat.finish("customer");
    page.chat.begin("c2");
    await page.chat.finish("customer");
    expect(page.names()).toEqual([
      ...["startChat", "chatQueued", "closeChat", "onClose"],
      ...["startChat", "chatQueued", "closeChat", "onClose"],
    ]);
  });

  it("that an agent ends is told with its tag, then as an update of the thread", async () => {
    page.chat.begin("c1");
    page.names();
    await page.chat.finish("agent");
    const detail = { channelData: { tags: ["system", "agentendconversation"] }, messageType: "system" };
    expect(page.heard).toEqual([
      ["onMessageReceived", detail],
      ["threadUpdate", null],
    ]);
  });

  it("that the gateway ends is a session that was closed", async () => {
    page.chat.begin("c1");
    page.names();
    await page.chat.finish("system", true);
    const detail = { channelData: { tags: ["system", "primarysessionclosed"] }, messageType: "system" };
    expect(page.heard).toEqual([
      ["onHistoryMessageReceived", detail],
      ["threadUpdate", null],
    ]);
  });

  it("that is cleared, at sign-out or by another customer, is closed once", () => {
    page.chat.emit("cleared", { reason: "signed_out" });
    expect(page.names()).toEqual([]);
    page.chat.begin("c1");
    page.chat.emit("cleared", { reason: "signed_out" });
    page.chat.emit("cleared", { reason: "left" });
    expect(page.names()).toEqual(["startChat", "chatQueued", "closeChat", "onClose"]);
  });
});

describe("messages", () => {
  beforeEach(() => {
    page.chat.begin("c1");
    page.names();
  });

  it("of an agent or a bot are of a user, of the system are the system's; the text stays out", () => {
    page.chat.emit("message", message({ id: "m1", sequence: 4 }));
    page.chat.emit("message", message({ from: "bot", sequence: 5 }));
    page.chat.emit("message", message({ from: "system", sequence: 6 }));
    expect(page.heard.map(([, detail]) => detail)).toEqual([
      { channelData: { tags: ["public", "client_activity_id:m1"] }, messageType: "user" },
      { channelData: { tags: ["public", "client_activity_id:5"] }, messageType: "user" },
      { channelData: { tags: ["system"] }, messageType: "system" },
    ]);
    expect(new Set(page.names())).toEqual(new Set(["onMessageReceived"]));
  });

  it("of the past are history", () => {
    page.chat.emit("message", message({ id: "m1", past: true }));
    expect(page.names()).toEqual(["onHistoryMessageReceived"]);
  });

  it("of the customer are sent once they are stored, once, and by the tab that wrote them", () => {
    page.chat.emit("message", message({ from: "customer", id: "m1", delivery: "waiting" }));
    expect(page.names()).toEqual([]);
    page.chat.emit("message", message({ from: "customer", id: "m1", delivery: "sent" }));
    page.chat.emit("message", message({ from: "customer", id: "m1", delivery: "sent" }));
    page.chat.emit("message", message({ from: "customer", id: "m2", delivery: "sent" }));
    page.chat.emit("message", message({ from: "customer", id: "m3", delivery: "sent", past: true }));
    expect(page.names()).toEqual(["onMessageSent"]);
  });

  it("that fail are not sent, until they are", () => {
    for (const delivery of ["waiting", "failed", "waiting"] as const) {
      page.chat.emit("message", message({ from: "customer", id: "m1", delivery }));
    }
    expect(page.names()).toEqual([]);
    page.chat.emit("message", message({ from: "customer", id: "m1", delivery: "sent" }));
    expect(page.names()).toEqual(["onMessageSent"]);
  });
});

it("an agent who takes the chat is both assigned and accepted, and a queue alone is nothing", () => {
  page.chat.begin("c1");
  page.names();
  page.chat.emit("assigned", { sequence: 2, queue: "vip", past: false });
  page.chat.emit("assigned", { sequence: 3, queue: "vip", agent: "Ada", past: false });
  page.chat.emit("assigned", { sequence: 4, queue: "other", agent: "Ada", past: false });
  expect(page.heard.map(([, detail]) => detail)).toEqual([
    { channelData: { tags: ["system", "agentassignmentready"] }, messageType: "system" },
    { channelData: { tags: ["system", "agentaccepted"] }, messageType: "system" },
  ]);
});

it("the panel is maximised, minimised and closed", () => {
  for (const state of ["open", "minimized", "closed"] as const) page.usher.show(state);
  expect(page.names()).toEqual(["onMaximize", "onMinimize", "onClose"]);
});

it("a widget that was closed with its chat isn't closed again with its panel, until it was opened again", async () => {
  page.chat.begin("c1");
  await page.chat.finish("customer");
  page.names();
  page.usher.show("closed");
  expect(page.names()).toEqual([]);
  page.usher.show("open");
  page.usher.show("closed");
  expect(page.names()).toEqual(["onMaximize", "onClose"]);
});

it("what is unread, and the state that the panel begins in, are nothing that happens to the panel", () => {
  page.usher.show("minimized", 1);
  page.usher.show("minimized", 2);
  page.usher.show("open");
  page.usher.show("open", 1);
  expect(page.names()).toEqual(["onMaximize"]);
});

describe("lcw:error", () => {
  const error = { message: "What is wrong.", action: "What to do.", temporary: false, correlation_id: "3f2a" };

  function codes(...reasons: string[]): unknown[] {
    for (const code of reasons) page.chat.emit("error", { ...error, code });
    return page.heard.splice(0).map(([, detail]) => (detail as { errorCode: number }).errorCode);
  }

  it("has the documented members, and usher's own reason beside them", () => {
    page.chat.emit("error", { ...error, code: "unknown_kid" });
    expect(page.heard).toEqual([
      [
        "error",
        {
          errorCode: 4,
          errorDescription: "What is wrong.",
          reason: "unknown_kid",
          correctiveAction: "What to do.",
          correlationId: "3f2a",
        },
      ],
    ]);
  });

  it("has a detail where the widget can't be loaded", () => {
    page.chat.emit("error", { ...error, code: "widget_unknown" });
    expect(page.heard[0]?.[1]).toMatchObject({ errorCode: 7, errorDetail: "What is wrong." });
  });

  it("has the documented number", () => {
    expect(codes("context_provider_failed")).toEqual([1]);
    expect(codes("provider_failed", "provider_timeout")).toEqual([2, 2]);
    expect(codes("provider_empty", "authentication_required")).toEqual([3, 3]);
    expect(codes("widget_unknown", "gateway_unreachable")).toEqual([7, 7]);
    expect(codes("provider_missing", "provider_not_found")).toEqual([8, 8]);
  });

  it("is 4 for every token that the gateway refuses", () => {
    const refused = (
      "malformed unsupported_alg unknown_kid bad_signature missing_claim invalid_claim invalid_context expired " +
      "not_yet_valid issued_in_future key_expired keys_unavailable too_large revoked subject_mismatch"
    ).split(" ");
    expect(new Set(codes(...refused))).toEqual(new Set([4]));
  });

  it("is one where the same is refused again within 10 s", () => {
    vi.useFakeTimers();
    const again = (code: string, message = error.message): void => page.chat.emit("error", { ...error, code, message });
    again("malformed");
    vi.advanceTimersByTime(REPEATED_MS - 1);
    again("malformed");
    expect(page.names()).toEqual(["error"]);
    again("expired");
    again("expired", "Something else.");
    expect(page.names()).toEqual(["error", "error"]);
    vi.advanceTimersByTime(REPEATED_MS);
    again("expired", "Something else.");
    expect(page.names()).toEqual(["error"]);
    vi.useRealTimers();
  });

  it("is not raised for what the documentation has no number for", () => {
    expect(codes("rate_limited", "message_too_long", "internal", "storage_unavailable", "mal")).toEqual([]);
  });
});
