// What the page has of the chat: `window.Usher`, and the events on `window`.

import type { AuthTokenProvider, Chat, ChatEventName, ChatEvents, ChatState, ContextProvider } from "../sdk/types.ts";
import type { Context, Message } from "../sdk/types.ts";
import type { Texts } from "../texts/index.ts";

/** `open`: the panel is seen. `minimized`: its button alone. `closed`: neither. */
export type PanelState = "open" | "minimized" | "closed";

/** The events on `window`: each is a `CustomEvent` named `usher:` and this, with this `detail`. */
export interface UsherEvents extends ChatEvents {
  /** Everything is there, providers can be set. `Usher.ready` tells the same to those who come later. */
  ready: { tenant: string; widget: string };
  /** The panel was opened, minimized or closed, or what is unread has changed. */
  panel: { state: PanelState; unread: number };
}
export type UsherEventName = keyof UsherEvents;

/** `window.Usher`. Nothing here throws for what a gateway or a network does: that is told by `usher:error`. */
export interface UsherApi {
  /** Resolved once providers can be set: together with `usher:ready`, and for ever after. */
  readonly ready: Promise<void>;
  /** Shows the panel, and takes up this browser's conversation or begins one. */
  open(): void;
  /** Leaves the button alone; the connection stays, and what comes is counted. */
  minimize(): void;
  /** Hides panel and button, and disconnects. The conversation stays: `open` comes back to it. */
  close(): void;
  /** Says something as the customer; begins a conversation where there is none. */
  send(text: string): Message;
  /** The customer ends the conversation. */
  end(): void;
  /** Asks the provider now. Whether the conversation is authenticated after it. */
  signIn(): Promise<boolean>;
  /** To be called where the page signs its customer out: nothing of the chat is left in this browser. */
  signOut(): void;
  setAuthTokenProvider(provider: AuthTokenProvider | null): void;
  getAuthTokenProvider(): AuthTokenProvider | null;
  setContextProvider(provider: ContextProvider | null): void;
  getContextProvider(): ContextProvider | null;
  /** Unsigned variables: merged; `null` removes one. */
  setContext(context: Context): void;
  getState(): ChatState & { panel: PanelState; unread: number };
  /** Says some of the panel's texts otherwise. */
  setTexts(texts: Partial<Texts>): void;
  /** Hears of an event until the returned function is called. */
  on<Name extends UsherEventName>(name: Name, listener: (detail: UsherEvents[Name]) => void): () => void;
}

/** Every event of the chat, as the page hears it. */
export const CHAT_EVENTS = Object.keys({
  started: 1,
  message: 1,
  typing: 1,
  read: 1,
  assigned: 1,
  authentication: 1,
  "authentication-requested": 1,
  "token-expiring": 1,
  context: 1,
  error: 1,
  ended: 1,
  cleared: 1,
  connection: 1,
} satisfies Record<ChatEventName, 1>) as ChatEventName[];

/** What a layer over the chat is given: the compatibility one. */
export type Layer = (chat: Chat, usher: UsherApi) => void;

declare global {
  interface Window {
    Usher?: UsherApi;
  }
}
