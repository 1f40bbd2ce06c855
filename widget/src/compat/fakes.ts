// A chat, a panel and a window that the tests of this folder move by hand.

import type { PanelState, UsherApi, UsherEventName, UsherEvents } from "../panel/api.ts";
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
import type { Texts } from "../texts/index.ts";
import { dynamics365 } from "./dynamics365.ts";

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

  /** As the SDK does: it is over once everybody has heard of it. */
  finish(by: string, past = false): Promise<void> {
    this.emit("ended", { by, past });
    this.state = { ...this.state, connection: "ended" };
    this.emit("connection", { state: "ended", code: 1000 });
    return Promise.resolve();
  }

  on<Name extends ChatEventName>(name: Name, listener: (detail: ChatEvents[Name]) => void): () => void {
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener]);
    return () => undefined;
  }

  start(): Promise<void> {
    this.calls.push("start");
    return Promise.resolve();
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
    return this.state.conversation !== null && this.state.connection !== "ended";
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

export class FakeUsher implements UsherApi {
  readonly calls: string[] = [];
  readonly ready = Promise.resolve();
  texts: Partial<Texts> = {};
  #panel: PanelState = "minimized";
  #listener: (detail: UsherEvents["panel"]) => void = () => undefined;
  readonly #chat: FakeChat;

  constructor(chat: FakeChat) {
    this.#chat = chat;
  }

  /** As the customer would, or something unread. */
  show(panel: PanelState, unread = 0): void {
    this.#panel = panel;
    this.#listener({ state: panel, unread });
  }

  open(): void {
    this.calls.push("open");
    this.show("open");
  }

  minimize(): void {
    this.calls.push("minimize");
    this.show("minimized");
  }

  close(): void {
    this.calls.push("close");
    this.show("closed");
  }

  on<Name extends UsherEventName>(_: Name, listener: (detail: UsherEvents[Name]) => void): () => void {
    this.#listener = listener as (detail: UsherEvents["panel"]) => void;
    return () => undefined;
  }

  getState(): ReturnType<UsherApi["getState"]> {
    return { ...this.#chat.getState(), panel: this.#panel, unread: 0 };
  }

  setTexts(texts: Partial<Texts>): void {
    this.texts = texts;
  }

  setAuthTokenProvider(provider: AuthTokenProvider | null): void {
    this.#chat.setAuthTokenProvider(provider);
  }

  getAuthTokenProvider(): AuthTokenProvider | null {
    return this.#chat.getAuthTokenProvider();
  }

  setContextProvider(provider: ContextProvider | null): void {
    this.#chat.setContextProvider(provider);
  }

  getContextProvider(): ContextProvider | null {
    return this.#chat.getContextProvider();
  }

  setContext(context: Context): void {
    this.#chat.setContext(context);
  }

  end(): void {
    this.#chat.end();
  }

  send(text: string): Message {
    return this.#chat.send(text);
  }

  signIn(): Promise<boolean> {
    return Promise.resolve(false);
  }

  signOut(): void {}
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
  readonly usher = new FakeUsher(this.chat);
  readonly heard: [string, unknown][] = [];

  constructor(microsoft?: unknown) {
    if (microsoft !== undefined) this.window.Microsoft = microsoft;
    Object.assign(globalThis, { window: this.window });
    for (const name of EVENTS) {
      this.window.addEventListener(`lcw:${name}`, (event) => this.heard.push([name, (event as CustomEvent).detail]));
    }
    dynamics365(this.chat, this.usher);
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
