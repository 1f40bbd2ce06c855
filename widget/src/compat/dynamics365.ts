// `window.Microsoft.Omnichannel.LiveChatWidget.SDK` and the `lcw:*` events, so that a page written for Dynamics 365
// keeps its own script. docs/dynamics-365.md has the table: what works, what differs, and why. No token leaves through
// here: providers are handed to the chat, which calls them when it needs one.

import type { UsherApi } from "../panel/api.ts";
import type { AuthTokenProvider, Chat, ContextProvider } from "../sdk/types.ts";
import { PageContext } from "./context.ts";
import { Story, fire } from "./events.ts";

/** How a page may begin a chat. `inNewWindow` has no effect: the chat stays on the page. */
interface StartOptions {
  inNewWindow?: boolean;
  customContext?: Record<string, unknown>;
}

/** Whether a chat can be had. What usher doesn't know (waiting times, places in queues, hours) isn't there. */
interface Availability {
  queueId: string | null;
  isQueueAvailable: boolean;
  isAgentAvailable: boolean;
}

type Tree = { [name: string]: Tree };

/** What a chat is refused for that only lacks a provider. */
const NO_TOKEN = ["authentication_required", "provider_missing", "provider_not_found"];

function mustBeFunction<F>(provider: F, method: string): F {
  if (typeof provider !== "function") throw new TypeError(`${method} takes a function, and got ${typeof provider}`);
  return provider;
}

function hasNoEffect(method: string): void {
  console.warn(`usher: ${method} has no effect here; docs/dynamics-365.md says what to use instead`);
}

/** Installs both, before the chat says `usher:ready`. */
export function dynamics365(chat: Chat, usher: UsherApi): void {
  const context = new PageContext(chat);
  const story = new Story(chat, usher);
  let fallbackInfoProvider: unknown = null;
  let isAnswering = false;
  /** Pages set their provider once they have a token, which may be after the chat has asked for one. */
  let lacksToken = false;
  chat.on("error", ({ code }) => (lacksToken ||= NO_TOKEN.includes(code)));
  chat.on("started", () => (lacksToken = false));

  const availability = async (): Promise<Availability> => {
    let isThere = true;
    await chat.settings().catch(() => (isThere = false));
    const detail = { queueId: chat.getState().queue, isQueueAvailable: isThere, isAgentAvailable: isThere };
    if (isThere) {
      isAnswering = true;
      fire("getAgentAvailability", detail);
      isAnswering = false;
    }
    return detail;
  };

  const methods = {
    startChat(options?: StartOptions): void {
      if (options?.customContext) context.give(options.customContext);
      story.open();
    },
    // An open panel begins a conversation, which nobody has asked for yet.
    startProactiveChat(invitation?: { message?: string }): void {
      if (invitation?.message) usher.setTexts({ greeting: invitation.message });
      hasNoEffect("the pop-up of startProactiveChat");
    },
    closeChat: () => story.close(),
    setContextProvider(provider: ContextProvider): void {
      context.provider = mustBeFunction(provider, "setContextProvider");
    },
    getContextProvider: () => context.provider,
    removeContextProvider(): void {
      context.provider = null;
    },
    setAuthTokenProvider(provider: AuthTokenProvider): void {
      usher.setAuthTokenProvider(mustBeFunction(provider, "setAuthTokenProvider"));
      if (lacksToken) chat.start().catch(() => undefined);
      lacksToken = false;
    },
    getAuthTokenProvider: () => usher.getAuthTokenProvider(),
    removeAuthTokenProvider: () => usher.setAuthTokenProvider(null),
    // A page may ask again from the very event: a published example does, without end.
    getAgentAvailability: () => (isAnswering ? undefined : availability()),
    setAuthCodeProvider(provider: unknown): void {
      mustBeFunction(provider, "setAuthCodeProvider");
      hasNoEffect("setAuthCodeProvider");
    },
    setBotAuthTokenProvider(provider: unknown): void {
      mustBeFunction(provider, "setBotAuthTokenProvider");
      hasNoEffect("setBotAuthTokenProvider");
    },
    setFallbackInfoProvider(provider: unknown): void {
      fallbackInfoProvider = mustBeFunction(provider, "setFallbackInfoProvider");
      hasNoEffect("setFallbackInfoProvider");
    },
    getFallbackInfoProvider: () => fallbackInfoProvider,
  };

  const path = ["Microsoft", "Omnichannel", "LiveChatWidget", "SDK"];
  const sdk = path.reduce((outer, name) => (outer[name] ??= {}), window as unknown as Tree);
  Object.assign(sdk, methods);

  window.addEventListener("usher:ready", () => fire("ready"), { once: true });
}
