// `window.Microsoft.Omnichannel.LiveChatWidget.SDK` and the `lcw:*` events, so that a page written for Dynamics 365
// keeps its own script. docs/dynamics-365.md has the table: what works, what differs, and why. No token leaves through
// here: providers are handed to the chat, which calls them when it needs one.

import type { AuthTokenProvider, Chat, ContextProvider } from "../sdk/types.ts";
import { PageContext } from "./context.ts";
import { Story, fire } from "./events.ts";

/** What this layer needs of the panel. */
export interface Panel {
  open(): void;
  close(): void;
  end(): void;
  /** Hears of the panel being opened, minimised and closed, by whomever. */
  on(name: "panel", listener: (detail: { state: "open" | "minimized" | "closed" }) => void): unknown;
}

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

const EVENT_OF_PANEL = { open: "onMaximize", minimized: "onMinimize", closed: "onClose" } as const;

function mustBeFunction<F>(provider: F, method: string): F {
  if (typeof provider !== "function") throw new TypeError(`${method} takes a function, and got ${typeof provider}`);
  return provider;
}

function hasNoEffect(method: string): void {
  console.warn(`usher: ${method} has no effect here; docs/dynamics-365.md says what to use instead`);
}

/** Installs both, before the chat says `usher:ready`. */
export function dynamics365(chat: Chat, panel: Panel): void {
  const context = new PageContext(chat);
  const story = new Story(chat);
  let fallbackInfoProvider: unknown = null;
  let isAnswering = false;

  const begin = (customContext?: unknown): void => {
    if (customContext !== undefined && customContext !== null) context.give(customContext);
    panel.open();
    // A refusal is heard as an event.
    chat.start().catch(() => undefined);
  };

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
    startChat: (options?: StartOptions) => begin(options?.customContext),
    startProactiveChat(): void {
      hasNoEffect("the invitation of startProactiveChat");
      panel.open();
    },
    closeChat(): void {
      story.close(() => panel.end());
      panel.close();
    },
    setContextProvider(provider: ContextProvider): void {
      context.provider = mustBeFunction(provider, "setContextProvider");
    },
    getContextProvider: () => context.provider,
    removeContextProvider(): void {
      context.provider = null;
    },
    setAuthTokenProvider: (provider: AuthTokenProvider) =>
      chat.setAuthTokenProvider(mustBeFunction(provider, "setAuthTokenProvider")),
    getAuthTokenProvider: () => chat.getAuthTokenProvider(),
    removeAuthTokenProvider: () => chat.setAuthTokenProvider(null),
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

  panel.on("panel", ({ state }) => fire(EVENT_OF_PANEL[state]));
  window.addEventListener("usher:ready", () => fire("ready"), { once: true });
}
