import { describe, expect, test } from "vitest";
import type { ChatState } from "../sdk/types.ts";
import { isAboutSignIn, told, view, type Standing } from "./view.ts";

const open: ChatState = {
  connection: "open",
  conversation: "c",
  authentication: { status: "anonymous" },
  was_authenticated: false,
  queue: "service",
  agent: null,
  limits: null,
  waiting: 0,
  sequence: 1,
};

function standing(state: Partial<ChatState> = {}, more: Partial<Standing> = {}): Standing {
  const nothing = { settings: undefined, notice: null, gate: false, asking: false, signingIn: false, dismissed: false };
  return { ...nothing, logged: true, kept: true, state: { ...open, ...state }, ...more };
}
const settings = { tenant: "t", widget: "w", name: "Shop" };
const signedIn = { authentication: { status: "authenticated" as const }, was_authenticated: true };
const bars = (...of: Parameters<typeof standing>): string[] => view(standing(...of)).bars.map(({ text }) => text);
const menu = (...of: Parameters<typeof standing>): string[] => view(standing(...of)).menu.map(({ deed }) => deed);

describe("the head", () => {
  test("it says where the customer stands", () => {
    expect(view(standing({ connection: "connecting" })).status).toBe("connecting");
    expect(view(standing()).status).toBe("queued");
    expect(view(standing({ agent: "Anna" })).status).toBe(null);
    expect(view(standing({ agent: "Anna" }, { signingIn: true })).status).toBe("connecting");
  });

  test("who is signed in may sign out, and a chat that is open may be ended", () => {
    expect(menu(signedIn)).toEqual(["transcript", "signOut", "ask"]);
    expect(menu({ connection: "waiting" })).toEqual(["transcript"]);
    expect(menu({ connection: "idle", conversation: null }, { logged: false })).toEqual([]);
  });

  test("an ended chat isn't a signed-in one", () => {
    expect(view(standing({ ...signedIn, connection: "ended" })).signedIn).toBe(false);
  });
});

describe("the downgrade", () => {
  const downgraded = { was_authenticated: true };

  test("is told with an offer to sign in, until the customer has read it", () => {
    expect(view(standing(downgraded)).bars).toEqual([
      { text: "downgraded", offer: { label: "signIn", deed: "signIn" }, dismiss: "hide" },
    ]);
    expect(bars(downgraded, { dismissed: true })).toEqual([]);
  });

  test("can't be dismissed where nothing goes without sign-in", () => {
    const required = { settings: { ...settings, authentication: "required" as const }, dismissed: true };
    expect(view(standing(downgraded, required)).bars).toEqual([
      { text: "gate", offer: { label: "signIn", deed: "signIn" } },
    ]);
  });

  test("is none for who was never signed in, is so now, or has ended the chat", () => {
    expect(bars()).toEqual([]);
    expect(bars(signedIn)).toEqual([]);
    expect(bars({ ...downgraded, connection: "ended" })).toEqual([]);
  });
});

describe("what is in the composer's place", () => {
  test("sign-in first: with a new chat instead where there is one to be left", () => {
    const deeds = (kept: boolean) => view(standing({}, { gate: true, kept })).question?.offers.map(({ deed }) => deed);
    expect(deeds(true)).toEqual(["signIn", "fresh"]);
    expect(deeds(false)).toEqual(["signIn"]);
  });

  test("nothing of the conversation is handed out before", () => {
    expect(menu({}, { gate: true })).not.toContain("transcript");
  });

  test("after the end a new chat, and what was said", () => {
    const { question } = view(standing({ connection: "ended" }));
    expect(question?.offers.map(({ deed }) => deed)).toEqual(["fresh", "transcript"]);
  });

  test("the end is asked about", () => {
    expect(view(standing({}, { asking: true })).question?.offers.map(({ deed }) => deed)).toEqual(["end", "cancel"]);
    expect(view(standing()).question).toBe(null);
  });
});

describe("errors", () => {
  test("a lost line can be tried again only where nothing does so by itself", () => {
    const notice = { text: "unreachable" as const, bad: true };
    const offers = (connection: ChatState["connection"]) => {
      return view(standing({ connection }, { notice })).bars.map(({ text, offer }) => [text, offer?.deed]);
    };
    expect(offers("idle")).toEqual([["unreachable", "retry"]]);
    expect(offers("waiting")).toEqual([["offline", undefined], ["unreachable", undefined]]);
  });

  test("the customer is told of what they can do something about", () => {
    expect(told("rate_limited")).toEqual({ text: "slow", bad: true });
    expect(told("message_too_long")).toEqual({ text: "tooLong", bad: true });
    expect(told("storage_unavailable")).toEqual({ text: "unreachable", bad: true });
    expect(told("gateway_unreachable")).toEqual({ text: "unreachable", bad: true });
  });

  test.each(["bad_frame", "unsupported_frame", "out_of_order", "unknown_conversation", "id_conflict", "not_enabled"])(
    "of %s with its code, for whom they ask for help",
    (code) => expect(told(code)).toEqual({ text: "problem", bad: true, code }),
  );

  test.each([
    ...["malformed", "unsupported_alg", "unknown_kid", "bad_signature", "missing_claim", "invalid_claim", "expired"],
    ...["invalid_context", "not_yet_valid", "issued_in_future", "key_expired", "keys_unavailable", "too_large"],
    "revoked",
    ...["authentication_required", "subject_mismatch", "provider_missing", "provider_timeout", "provider_empty"],
  ])("%s is about the sign-in, and else the page's own affair", (code) => {
    expect([told(code), isAboutSignIn(code)]).toEqual([null, true]);
  });

  test("a context provider that fails is the page's own affair", () => {
    expect([told("context_provider_failed"), isAboutSignIn("context_provider_failed")]).toEqual([null, false]);
  });
});
