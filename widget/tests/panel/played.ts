// A chat without a gateway: it does what a scene says, and keeps what it was asked to do.

import type { AuthTokenProvider, Chat, ChatEventName, ChatEvents, ChatOptions } from "../../src/sdk/types.ts";
import type { ChatState, ContextProvider, Message, Settings } from "../../src/sdk/types.ts";

const LIMITS = { message_characters: 200, frame_bytes: 98304, messages_per_minute: 60, ping_seconds: 25 };

export class Played implements Chat {
  readonly asked: string[] = [];
  kept = false;
  signsIn = true;
  mode: Settings["authentication"] = "optional";
  /** What `start` is refused with. */
  refusal: ChatEvents["error"] | null = null;
  state: ChatState = {
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
  readonly #messages: Message[] = [];
  readonly #listeners = new Map<ChatEventName, Set<(detail: never) => void>>();
  #token: AuthTokenProvider | null = null;
  #context: ContextProvider | null = null;

  emit<Name extends ChatEventName>(name: Name, detail: ChatEvents[Name], change: Partial<ChatState> = {}): void {
    Object.assign(this.state, change);
    for (const listener of this.#listeners.get(name) ?? []) (listener as (detail: ChatEvents[Name]) => void)(detail);
  }

  begin(detail: Partial<ChatEvents["started"]> = {}): void {
    const authentication = { status: "anonymous" as const };
    const started = {
      conversation: "01",
      authentication,
      queue: "service",
      resumed: false,
      replayed: 0,
      truncated: false,
      context: { accepted: [], rejected: [] },
      limits: LIMITS,
      ...detail,
    };
    this.emit("connection", { state: "connecting" }, { connection: "connecting" });
    this.emit("started", started, {
      connection: "open",
      conversation: "01",
      limits: started.limits,
      authentication: started.authentication,
      agent: started.agent ?? null,
    });
    this.emit("connection", { state: "open" });
  }

  say(message: Partial<Message> & { text: string }, past = false): void {
    const sequence = ++this.state.sequence + 1;
    const whole = { sequence, at: new Date().toISOString(), from: "agent" as const, delivery: "received" as const };
    this.emit("message", { ...whole, ...message, past });
  }

  settings(): Promise<Settings> {
    return Promise.resolve({ tenant: "contoso", widget: "web", name: "Contoso Lighting", authentication: this.mode });
  }
  hasConversation(): boolean {
    return this.kept;
  }
  start(): Promise<void> {
    this.asked.push("start");
    if (this.refusal) {
      this.emit("error", this.refusal);
      return Promise.reject(this.refusal);
    }
    if (this.state.connection === "idle") this.begin();
    return Promise.resolve();
  }
  disconnect(): void {
    this.asked.push("disconnect");
    this.emit("connection", { state: "idle" }, { connection: "idle" });
  }
  leave(): void {
    this.asked.push("leave");
    this.emit("cleared", { reason: "new_conversation" }, { connection: "idle", conversation: null, agent: null });
  }
  send(text: string): Message {
    this.asked.push(`send ${text}`);
    const at = new Date().toISOString();
    const message: Message = { id: `m${Math.random()}`, at, from: "customer", text, delivery: "waiting" };
    this.state.waiting++;
    this.emit("message", { ...message, past: false });
    return message;
  }
  accept(message: Message, authenticated = false): void {
    this.state.waiting--;
    this.say({ ...message, authenticated, delivery: "sent" });
  }
  retry(id: string): void {
    this.asked.push(`retry ${id}`);
  }
  typing(): void {
    this.asked.push("typing");
  }
  read(sequence: number): void {
    this.asked.push(`read ${sequence}`);
  }
  setContext(): void {}
  signIn(): Promise<boolean> {
    this.asked.push("signIn");
    if (this.signsIn) this.authenticate();
    return Promise.resolve(this.signsIn);
  }
  authenticate(): void {
    const authentication = { status: "authenticated" as const, subject: "4711" };
    const sequence = ++this.state.sequence + 1;
    this.emit(
      "authentication",
      { authentication, reason: "token_presented", sequence, past: false },
      { authentication, was_authenticated: true },
    );
  }
  downgrade(): void {
    const authentication = { status: "anonymous" as const };
    const sequence = ++this.state.sequence + 1;
    this.emit("authentication", { authentication, reason: "token_expired", sequence, past: false }, { authentication });
  }
  signOut(): void {
    this.asked.push("signOut");
    this.emit(
      "cleared",
      { reason: "signed_out" },
      { connection: "idle", conversation: null, authentication: null, was_authenticated: false, agent: null },
    );
  }
  end(): void {
    this.asked.push("end");
    const sequence = ++this.state.sequence + 1;
    this.emit("ended", { sequence, by: "customer", past: false }, { connection: "ended" });
    this.emit("connection", { state: "ended" });
  }
  setAuthTokenProvider(provider: AuthTokenProvider | null): void {
    this.#token = provider;
  }
  getAuthTokenProvider(): AuthTokenProvider | null {
    return this.#token;
  }
  setContextProvider(provider: ContextProvider | null): void {
    this.#context = provider;
  }
  getContextProvider(): ContextProvider | null {
    return this.#context;
  }
  getState(): ChatState {
    return { ...this.state };
  }
  messages(): readonly Message[] {
    return this.#messages;
  }
  on<Name extends ChatEventName>(name: Name, listener: (detail: ChatEvents[Name]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }
}

declare global {
  interface Window {
    played: Played;
  }
}

export function createChat({ locale }: ChatOptions): Chat {
  window.played = new Played();
  window.played.asked.push(`locale ${locale ?? ""}`);
  window.played.kept = document.documentElement.dataset.kept !== undefined;
  return window.played;
}
