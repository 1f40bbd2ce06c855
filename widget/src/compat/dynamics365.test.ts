import { beforeEach, describe, expect, it, vi } from "vitest";
import type { ContextProvider } from "../sdk/types.ts";
import { Page } from "./fakes.ts";

let page: Page;

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  page = new Page();
});

/** What the chat would be told at its start: whether the provider returns, promises or calls back. */
function asked(provider: ContextProvider | null): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const returned = (value: unknown): void => {
      if (value !== undefined) resolve(value);
    };
    Promise.resolve(provider?.(resolve)).then(returned, reject);
  });
}

describe("the namespace", () => {
  it("has every method of the documentation, and the ones that were shipped without", () => {
    const names = (
      "startChat closeChat startProactiveChat setContextProvider getContextProvider removeContextProvider " +
      "setAuthTokenProvider getAuthTokenProvider removeAuthTokenProvider getAgentAvailability setAuthCodeProvider " +
      "setBotAuthTokenProvider setFallbackInfoProvider getFallbackInfoProvider"
    ).split(" ");
    expect(Object.keys(page.sdk).sort()).toEqual(names.sort());
    for (const name of names) expect(page.sdk[name]).toBeTypeOf("function");
  });

  it("keeps what lies under window.Microsoft already", () => {
    const user = { contactId: "8f1c" };
    const omnichannel = { other: 1, LiveChatWidget: { x: 2 } };
    const mine = new Page({ Dynamic365: { Portal: { User: user } }, Omnichannel: omnichannel });
    expect(mine.window.Microsoft).toMatchObject({
      Dynamic365: { Portal: { User: user } },
      Omnichannel: { other: 1, LiveChatWidget: { x: 2, SDK: { getFallbackInfoProvider: expect.any(Function) } } },
    });
  });
});

describe("lcw:ready", () => {
  it("comes with usher:ready, once, and not before", () => {
    expect(page.names()).toEqual([]);
    page.ready();
    page.ready();
    expect(page.names()).toEqual(["ready"]);
  });

  it("is heard before anything that is done after usher:ready, so that a provider set in it is there in time", () => {
    const provider = vi.fn();
    page.window.addEventListener("lcw:ready", () => page.sdk["setAuthTokenProvider"]?.(provider));
    page.ready();
    expect(page.chat.tokens).toBe(provider);
  });
});

describe("the token's provider", () => {
  it("is handed to the chat as it is, and not called at registration", () => {
    const provider = vi.fn();
    page.sdk["setAuthTokenProvider"]?.(provider);
    expect(page.chat.tokens).toBe(provider);
    expect(provider).not.toHaveBeenCalled();
  });

  it("that is set after the chat has asked for a token has it ask once more", () => {
    const late = { message: "No token.", action: "Sign in.", temporary: false };
    for (const code of ["authentication_required", "provider_missing"]) {
      page.chat.emit("error", { ...late, code });
      page.sdk["setAuthTokenProvider"]?.(() => undefined);
      page.sdk["setAuthTokenProvider"]?.(() => undefined);
      expect(page.chat.calls.splice(0)).toEqual(["start"]);
    }
    page.chat.emit("error", { ...late, code: "authentication_required" });
    page.chat.begin("c1");
    page.sdk["setAuthTokenProvider"]?.(() => undefined);
    page.chat.emit("error", { ...late, code: "rate_limited" });
    page.sdk["setAuthTokenProvider"]?.(() => undefined);
    expect(page.chat.calls).toEqual([]);
  });

  it("can be asked for and removed", () => {
    expect(page.sdk["getAuthTokenProvider"]?.()).toBeNull();
    const provider = (): void => undefined;
    page.sdk["setAuthTokenProvider"]?.(provider);
    expect(page.sdk["getAuthTokenProvider"]?.()).toBe(provider);
    page.sdk["removeAuthTokenProvider"]?.();
    expect(page.sdk["getAuthTokenProvider"]?.()).toBeNull();
  });
});

it("a setter that gets no function throws, and sets nothing", () => {
  const setters = Object.keys(page.sdk).filter((name) => name.startsWith("set"));
  expect(setters).toHaveLength(5);
  for (const setter of setters) {
    for (const wrong of ["auth.getToken", undefined, null, {}]) {
      expect(() => page.sdk[setter]?.(wrong), setter).toThrow(TypeError);
    }
  }
  expect(page.chat.tokens).toBeNull();
  expect(page.chat.contexts).toBeNull();
});

describe("the context's provider", () => {
  const given = { a: { value: "x", isDisplayable: true }, b: 12.5, c: false, d: 0, e: null, f: "", g: undefined };
  const withEmpty = { ...given, h: { value: null }, i: { value: "", isDisplayable: true }, j: { value: undefined } };
  const kept = { a: { value: "x", isDisplayable: true }, b: 12.5, c: false, d: 0 };

  it("may return, promise or call back; both forms are taken, and variables that say nothing are dropped", async () => {
    for (const provider of [
      () => withEmpty,
      () => Promise.resolve(withEmpty),
      (callback: (context: unknown) => void) => callback(withEmpty),
      async (callback: (context: unknown) => void) => callback(withEmpty),
      (callback: (context: unknown) => void) => void setTimeout(() => callback(withEmpty)),
    ]) {
      page.sdk["setContextProvider"]?.(provider);
      expect(await asked(page.chat.contexts)).toEqual(kept);
    }
  });

  it("fails towards the chat where it throws", () => {
    page.sdk["setContextProvider"]?.(() => {
      throw new Error("no cart");
    });
    expect(() => page.chat.contexts?.(() => undefined)).toThrow("no cart");
  });

  it("can be asked for as it was given, and removed", () => {
    expect(page.sdk["getContextProvider"]?.()).toBeNull();
    const provider = (): object => ({});
    page.sdk["setContextProvider"]?.(provider);
    expect(page.sdk["getContextProvider"]?.()).toBe(provider);
    page.sdk["removeContextProvider"]?.();
    expect(page.sdk["getContextProvider"]?.()).toBeNull();
    expect(page.chat.contexts).toBeNull();
  });
});

describe("startChat", () => {
  it("opens the panel, which begins or takes up the chat", () => {
    expect(page.sdk["startChat"]?.()).toBeUndefined();
    expect(page.usher.calls).toEqual(["open"]);
    expect(page.names()).toEqual(["onMaximize"]);
  });

  it("has its customContext stand in for the provider, for one conversation", async () => {
    page.sdk["setContextProvider"]?.(() => ({ from: "provider" }));
    page.sdk["startChat"]?.({ inNewWindow: true, customContext: { from: { value: "page" }, none: "" } });
    expect(await asked(page.chat.contexts)).toEqual({ from: { value: "page" } });
    page.chat.begin("c1");
    expect(page.chat.told).toEqual([]);
    expect(await asked(page.chat.contexts)).toEqual({ from: "provider" });
  });

  it("leaves no provider behind where there was none", () => {
    page.sdk["startChat"]?.({ customContext: { a: 1 } });
    page.chat.begin("c1");
    expect(page.chat.contexts).toBeNull();
    expect(page.sdk["getContextProvider"]?.()).toBeNull();
  });

  it("tells its customContext to a conversation that is taken up, which asks no provider", () => {
    page.sdk["startChat"]?.({ customContext: { a: 1 } });
    page.chat.begin("c1", true);
    page.chat.begin("c1", true);
    expect(page.chat.told).toEqual([{ a: 1 }]);
  });

  it("tells it to a conversation that is under way", () => {
    page.chat.begin("c1");
    page.sdk["startChat"]?.({ customContext: { a: 1, b: null } });
    expect(page.chat.told).toEqual([{ a: 1 }]);
  });
});

describe("closeChat", () => {
  it("ends the conversation and leaves the button; the page hears of it once, when it has ended", async () => {
    page.sdk["startChat"]?.();
    page.chat.begin("c1");
    page.names();
    page.sdk["closeChat"]?.();
    expect(page.chat.calls).toEqual(["end"]);
    expect(page.usher.calls).toEqual(["open", "minimize"]);
    expect(page.names()).toEqual([]);
    await page.chat.finish("customer");
    expect(page.names()).toEqual(["closeChat", "onClose"]);
    page.sdk["closeChat"]?.();
    expect(page.names()).toEqual([]);
  });

  it("closes what an agent has ended, from the documented listener, and from one that repeats it", async () => {
    page.window.addEventListener("lcw:threadUpdate", () => page.sdk["closeChat"]?.());
    page.window.addEventListener("lcw:closeChat", () => page.sdk["closeChat"]?.());
    page.window.addEventListener("lcw:onClose", () => page.sdk["closeChat"]?.());
    page.chat.begin("c1");
    page.names();
    await page.chat.finish("agent");
    expect(page.names().sort()).toEqual(["closeChat", "onClose", "onMessageReceived", "threadUpdate"]);
    expect(page.chat.calls).toEqual([]);
  });

  it("while one is about to begin ends that one, when it stands", () => {
    page.sdk["startChat"]?.();
    page.sdk["closeChat"]?.();
    expect(page.chat.calls).toEqual([]);
    page.chat.begin("c1");
    expect(page.chat.calls).toEqual(["end"]);
  });

  it("while one is about to begin is taken back by the page, by the customer, and by one that doesn't begin", () => {
    const takenBack = [
      () => page.sdk["startChat"]?.(),
      () => page.usher.show("open"),
      () => page.chat.emit("connection", { state: "idle" }),
    ];
    for (const takeBack of takenBack) {
      page = new Page();
      page.sdk["startChat"]?.();
      page.sdk["closeChat"]?.();
      takeBack();
      page.chat.begin("c1");
      expect(page.chat.calls).toEqual([]);
    }
  });

  it("without a conversation leaves the button alone", () => {
    page.sdk["startChat"]?.();
    page.names();
    page.sdk["closeChat"]?.();
    expect(page.chat.calls).toEqual([]);
    expect(page.usher.calls).toEqual(["open", "minimize"]);
    expect(page.names()).toEqual([]);
  });
});

describe("getAgentAvailability", () => {
  it("says that a chat can be had, by event and by promise", async () => {
    const detail = { queueId: null, isQueueAvailable: true, isAgentAvailable: true };
    expect(await page.sdk["getAgentAvailability"]?.()).toEqual(detail);
    expect(page.heard).toEqual([["getAgentAvailability", detail]]);
  });

  it("raises nothing where the gateway can't be asked", async () => {
    page.chat.isReachable = false;
    const answer = await page.sdk["getAgentAvailability"]?.();
    expect(answer).toEqual({ queueId: null, isQueueAvailable: false, isAgentAvailable: false });
    expect(page.heard).toEqual([]);
  });

  it("doesn't go round in circles with a page that asks again from the event", async () => {
    page.window.addEventListener("lcw:getAgentAvailability", () => page.sdk["getAgentAvailability"]?.());
    await page.sdk["getAgentAvailability"]?.();
    await new Promise((resolve) => setTimeout(resolve));
    expect(page.names()).toEqual(["getAgentAvailability"]);
  });
});

describe("what there isn't", () => {
  it("startProactiveChat greets with its message, and begins nothing for a customer who hasn't asked", () => {
    page.sdk["startProactiveChat"]?.({ message: "Hello" }, true, { inNewWindow: true });
    expect(page.usher.texts).toEqual({ greeting: "Hello" });
    expect(page.usher.calls).toEqual([]);
    expect(page.chat.calls).toEqual([]);
  });

  it("is said on the console, and calls nobody", () => {
    const provider = vi.fn();
    for (const setter of ["setAuthCodeProvider", "setBotAuthTokenProvider", "setFallbackInfoProvider"]) {
      page.sdk[setter]?.(provider);
      expect(console.warn).toHaveBeenLastCalledWith(expect.stringContaining(setter));
    }
    expect(provider).not.toHaveBeenCalled();
    expect(page.sdk["getFallbackInfoProvider"]?.()).toBe(provider);
  });
});

it("no message is posted to any window", () => {
  const posted = vi.fn();
  Object.assign(page.window, { postMessage: posted, parent: { postMessage: posted } });
  page.sdk["setAuthTokenProvider"]?.((callback: (token: string) => void) => callback("token"));
  page.sdk["startChat"]?.({ customContext: { a: 1 } });
  page.chat.begin("c1");
  page.sdk["closeChat"]?.();
  expect(posted).not.toHaveBeenCalled();
});
