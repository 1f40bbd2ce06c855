// A chat, a panel and a window that the tests of this folder move by hand.

import type {
  AuthTokenProvider,
  Chat,
  ChatEventName,
  ChatEvents,
  ChatState,
  ContextProvider,
  Context,
  Message,
  Settings,
} from "../sdk/types.ts";
import { dynamics365, type Panel } from "./dynamics365.ts";

type Listener = (detail: never) => void;

const NO_STATE: ChatState = {
  connection: "idle",
  conversation: null,
  authentication: null,
  was_authenticated: false,
  queue: null,
  agent: null,
  limits: null,
  waiting: 0,
  sequence: 0,
};

export class FakeChat implements Chat {
  readonly calls: string[] = [];
  state: ChatState = NO_STATE;
  tokens: AuthTokenProvider | null = null;
  contexts: ContextProvider | null = null;
  readonly told: Context[] = [];
  refusal: Error | undefined;
  isReachable = true;
  readonly #listeners = new Map<ChatEventName, Listener[]>();

  emit<Name extends ChatEventName>(name: Name, detail: ChatEvents[Name]): void {
    for (const listener of this.#listeners.get(name) ?? []) listener(detail as never);
  }

  /** As the gateway would begin one, or give one back. */
  begin(conversation: string, resumed = false): void {
    this.state = { ...NO_STATE, connection: "open", conversation, queue: "default" };
    const authentication = { status: "anonymous" } as const;
    const limits = { message_characters: 6000, frame_bytes: 98304, messages_per_minute: 60, ping_seconds: 25 };
    const context = { accepted: [], rejected: [] };
    const started = { conversation, authentication, queue: "default", resumed, replayed: 0, truncated: false };
    this.emit("started", { ...started, context, limits });
  }

  finish(by: string, past = false): void {
    this.state = { ...this.state, connection: "ended" };
    this.emit("ended", { by, past });
  }

  on<Name extends ChatEventName>(name: Name, listener: (detail: ChatEvents[Name]) => void): () => void {
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener]);
    return () => undefined;
  }

  start(): Promise<void> {
    this.calls.push("start");
    return this.refusal === undefined ? Promise.resolve() : Promise.reject(this.refusal);
  }

  settings(): Promise<Settings> {
    const settings: Settings = { tenant: "contoso", widget: "web", name: "Contoso", authentication: "optional" };
    return this.isReachable ? Promise.resolve(settings) : Promise.reject(new Error("no way there"));
  }

  setAuthTokenProvider(provider: AuthTokenProvider | null): void {
    this.tokens = provider;
  }

  getAuthTokenProvider(): AuthTokenProvider | null {
    return this.tokens;
  }

  setContextProvider(provider: ContextProvider | null): void {
    this.contexts = provider;
  }

  getContextProvider(): ContextProvider | null {
    return this.contexts;
  }

  setContext(context: Context): void {
    this.told.push(context);
  }

  getState(): ChatState {
    return this.state;
  }

  hasConversation(): boolean {
    return this.state.conversation !== null;
  }

  messages(): readonly Message[] {
    return [];
  }

  send(text: string): Message {
    return { id: "1", at: "2026-01-01T00:00:00.000Z", from: "customer", text, delivery: "waiting" };
  }

  end(): void {
    this.calls.push("end");
  }

  signIn(): Promise<boolean> {
    return Promise.resolve(false);
  }

  disconnect(): void {}
  leave(): void {}
  retry(): void {}
  typing(): void {}
  read(): void {}
  signOut(): void {}
}

export class FakePanel implements Panel {
  readonly calls: string[] = [];
  show: (detail: { state: "open" | "minimized" | "closed" }) => void = () => undefined;
  readonly #chat: FakeChat;

  constructor(chat: FakeChat) {
    this.#chat = chat;
  }

  open(): void {
    this.calls.push("open");
    this.show({ state: "open" });
  }

  close(): void {
    this.calls.push("close");
    this.show({ state: "closed" });
  }

  end(): void {
    this.#chat.end();
  }

  on(_: "panel", listener: (detail: { state: "open" | "minimized" | "closed" }) => void): void {
    this.show = listener;
  }
}

/** The methods, as a page calls them: without types. */
export type Sdk = Record<string, (...given: unknown[]) => unknown>;

const EVENTS = (
  "ready error startChat closeChat chatQueued chatRetrieved onClose onMinimize onMaximize onMessageReceived " +
  "onHistoryMessageReceived onMessageSent threadUpdate getAgentAvailability signInCardReceived"
).split(" ");

/** A page with the layer installed, and all that it hears. */
export class Page {
  readonly window = new EventTarget() as EventTarget & { Microsoft?: unknown };
  readonly chat = new FakeChat();
  readonly panel = new FakePanel(this.chat);
  readonly heard: [string, unknown][] = [];

  constructor(microsoft?: unknown) {
    if (microsoft !== undefined) this.window.Microsoft = microsoft;
    Object.assign(globalThis, { window: this.window });
    for (const name of EVENTS) {
      this.window.addEventListener(`lcw:${name}`, (event) => this.heard.push([name, (event as CustomEvent).detail]));
    }
    dynamics365(this.chat, this.panel);
  }

  get sdk(): Sdk {
    return (this.window.Microsoft as { Omnichannel: { LiveChatWidget: { SDK: Sdk } } }).Omnichannel.LiveChatWidget.SDK;
  }

  /** The names of what was heard since the last call. */
  names(): string[] {
    return this.heard.splice(0).map(([name]) => name);
  }

  ready(): void {
    this.window.dispatchEvent(new CustomEvent("usher:ready"));
  }
}
