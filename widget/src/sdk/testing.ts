// A browser for tests: its tabs share storage, locks and channels; its time passes when a test says so; its sockets
// are answered by the test.

import { openChat } from "./chat.ts";
import type { Environment, Wire } from "./environment.ts";
import type { Inbound, Outbound } from "./frames.ts";
import type { AuthTokenProvider, Chat, ChatEventName, ChatEvents, Settings } from "./types.ts";

/** One socket, seen from the gateway. */
export class FakeWire implements Wire {
  onopen: Wire["onopen"] = null;
  onmessage: Wire["onmessage"] = null;
  onclose: Wire["onclose"] = null;
  /** What the widget has sent. */
  sent: Outbound[] = [];
  /** Whether the widget has closed it. */
  left = false;
  url: string;

  constructor(url: string) {
    this.url = url;
  }

  send(data: string): void {
    if (!this.left) this.sent.push(JSON.parse(data) as Outbound);
  }

  close(): void {
    this.left = true;
  }

  open(): void {
    this.onopen?.call(this as never, new Event("open"));
  }

  say(...frames: (Inbound | Record<string, unknown>)[]): void {
    for (const frame of frames) this.text(JSON.stringify(frame));
  }

  text(data: string): void {
    this.onmessage?.call(this as never, { data } as MessageEvent);
  }

  shut(code: number, reason = ""): void {
    this.onclose?.call(this as never, { code, reason } as CloseEvent);
  }

  /** The frames of this type that the widget has sent. */
  of<Type extends Outbound["type"]>(type: Type): Extract<Outbound, { type: Type }>[] {
    return this.sent.filter((frame): frame is Extract<Outbound, { type: Type }> => frame.type === type);
  }
}

export interface Heard {
  name: ChatEventName;
  detail: ChatEvents[ChatEventName];
}

export class Tab {
  chat: Chat;
  env: Environment;
  wires: FakeWire[] = [];
  heard: Heard[] = [];
  wake = () => {};

  constructor(browser: Browser, changes: Partial<Environment> = {}) {
    this.env = { ...browser.environment(this), ...changes };
    this.chat = openChat({ gateway: "https://chat.example.com/", tenant: "shop", widget: "web" }, this.env);
    const names: ChatEventName[] = [
      ...(["started", "message", "typing", "read", "assigned", "authentication", "token-expiring", "context"] as const),
      ...(["authentication-requested", "error", "ended", "cleared", "connection"] as const),
    ];
    for (const name of names) this.chat.on(name, (detail) => this.heard.push({ name, detail }));
  }

  /** The newest socket. */
  get wire(): FakeWire {
    const wire = this.wires.at(-1);
    if (!wire) throw new Error("the tab has opened no socket");
    return wire;
  }

  all<Name extends ChatEventName>(name: Name): ChatEvents[Name][] {
    return this.heard.filter((heard) => heard.name === name).map(({ detail }) => detail as ChatEvents[Name]);
  }

  errors(): string[] {
    return this.all("error").map(({ code }) => code);
  }
}

interface Held {
  name: string;
  shared: boolean;
}

export class Browser {
  now = 1_700_000_000_000;
  stored = new Map<string, string>();
  settings: Settings | number = 404;
  tabs: Tab[] = [];
  /** What `random` gives. */
  random = 0.5;
  #timers: { at: number; act: () => void }[] = [];
  #held: Held[] = [];
  #queue: { name: string; grant: () => void }[] = [];
  #channels: { name: string; tab: Tab; onmessage: ((event: MessageEvent) => void) | null }[] = [];
  #keys = 0;

  tab(changes: Partial<Environment> = {}): Tab {
    const tab = new Tab(this, changes);
    this.tabs.push(tab);
    return tab;
  }

  /** So much time passes as a tab waits before it connects again. */
  async again(tab: Tab): Promise<void> {
    await this.pass(tab.all("connection").at(-1)?.retry_in_ms ?? 0);
  }

  /** Everything that has been set going is done. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 3; turn += 1) await new Promise((go) => setImmediate(go));
  }

  /** So much time passes. */
  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    await this.settle();
    for (;;) {
      const [next] = this.#timers.filter(({ at }) => at <= end).sort((one, other) => one.at - other.at);
      if (!next) break;
      this.#timers.splice(this.#timers.indexOf(next), 1);
      this.now = Math.max(this.now, next.at);
      next.act();
      await this.settle();
    }
    this.now = end;
  }

  environment(tab: Tab): Environment {
    return {
      wire: (url) => {
        const wire = new FakeWire(url);
        tab.wires.push(wire);
        return wire;
      },
      fetch: async () => {
        const { settings } = this;
        const status = typeof settings === "number" ? settings : 200;
        return { ok: status === 200, status, json: async () => settings };
      },
      storage: () => ({
        getItem: (key) => this.stored.get(key) ?? null,
        setItem: (key, value) => void this.stored.set(key, value),
        removeItem: (key) => void this.stored.delete(key),
      }),
      locks: () => this.#locks(),
      channel: (name) => {
        const channel = {
          name,
          tab,
          onmessage: null,
          postMessage: (data: unknown) => {
            for (const other of this.#channels) {
              if (other.name !== name || other === channel) continue;
              setImmediate(() => other.onmessage?.({ data } as MessageEvent));
            }
          },
        };
        this.#channels.push(channel);
        return channel as never;
      },
      now: () => this.now,
      random: () => this.random,
      bytes: (count) => {
        this.#keys += 1;
        return new Uint8Array(count).fill(this.#keys);
      },
      after: (ms, act) => {
        const timer = { at: this.now + ms, act };
        this.#timers.push(timer);
        return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
      },
      onWake: (act) => {
        tab.wake = act;
      },
      page: {},
      language: () => "de-AT",
    };
  }

  #locks(): Pick<LockManager, "request" | "query"> {
    const request = (name: string, options: unknown, callback?: () => Promise<unknown>) => {
      const run = (callback ?? options) as () => Promise<unknown>;
      const shared = callback !== undefined;
      return new Promise((resolve) => {
        const grant = () => {
          const held: Held = { name, shared };
          this.#held.push(held);
          void Promise.resolve()
            .then(run)
            .then((value) => {
              this.#held.splice(this.#held.indexOf(held), 1);
              resolve(value);
              const next = this.#queue.findIndex((waiting) => waiting.name === name);
              if (next >= 0) this.#queue.splice(next, 1)[0]?.grant();
            });
        };
        if (!shared && this.#held.some((held) => held.name === name)) this.#queue.push({ name, grant });
        else grant();
      });
    };
    const query = async () => ({ held: this.#held.map(({ name }) => ({ name })), pending: [] });
    return { request, query } as never;
  }
}

const LIMITS = { message_characters: 6000, frame_bytes: 98_304, messages_per_minute: 60, ping_seconds: 25 };

/** A frame that begins or takes up the conversation `c1`. */
export function entered(type: "started" | "resumed", changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    type,
    conversation: "c1",
    resume_token: "secret-1",
    sequence: 1,
    authentication: { status: "anonymous" },
    queue: "default",
    context: { accepted: [], rejected: [] },
    limits: LIMITS,
    ...(type === "resumed" && { replayed: 0 }),
    ...changes,
  };
}

/** A frame that refuses something. */
export function refusal(code: string, in_reply_to: string, changes: Record<string, unknown> = {}) {
  const error = { type: "error", code, message: "m", action: "a", temporary: false, correlation_id: "x" };
  return { ...error, in_reply_to, ...changes };
}

/** A token of this customer, issued at this second. */
export function jwt(sub: string, iat: number, lifetime = 900): string {
  const part = (value: unknown) => btoa(JSON.stringify(value)).replace(/=+$/, "");
  return `${part({ alg: "RS256" })}.${part({ iss: "shop.example", sub, iat, exp: iat + lifetime })}.c2ln`;
}

/** The authentication that such a token gives. */
export function signed(sub: string, iat: number, lifetime = 900) {
  const time = (seconds: number) => new Date(seconds * 1000).toISOString();
  return {
    status: "authenticated" as const,
    subject: sub,
    issuer: "shop.example",
    expires_at: time(iat + lifetime),
    refresh_by: time(iat + lifetime * 0.75),
  };
}

/** A message of an agent's. */
export function said(sequence: number, text = `message ${sequence}`, changes: Record<string, unknown> = {}) {
  return { type: "message", sequence, at: "2026-01-01T00:00:00.000Z", from: "agent", text, ...changes };
}

export function accepted(id: string, sequence: number) {
  return { type: "accepted", id, sequence, at: "2026-01-01T00:00:00.000Z" };
}

/** A tab whose conversation has begun. */
export async function begun(browser: Browser, changes: Partial<Environment> = {}): Promise<Tab> {
  const tab = browser.tab(changes);
  void tab.chat.start();
  await browser.settle();
  tab.wire.open();
  tab.wire.say(entered("started"));
  await browser.settle();
  return tab;
}

/** What the gateway says of the widget. */
export const settings = (authentication: Settings["authentication"], name?: string): Settings => ({
  tenant: "shop",
  widget: "web",
  name: "Shop",
  authentication,
  ...(name && { javascript_client_function: name }),
});
/** The conversation `c1` is in storage. */
export const stored = (browser: Browser, resume_token = "secret-1") =>
  browser.stored.set("usher:shop/web", JSON.stringify({ conversation: "c1", resume_token }));
/** A frame that tells of the authentication. */
export const authentication = (sequence: number, reason: string, now: object, resume_token?: string) => ({
  type: "authentication",
  authentication: now,
  reason,
  sequence,
  context: { accepted: [], rejected: [] },
  ...(resume_token && { resume_token }),
});
export const ANONYMOUS = { status: "anonymous" };

/** A tab whose conversation has begun as this provider's customer. */
export async function signedIn(browser: Browser, provider: AuthTokenProvider, iat = 1000): Promise<Tab> {
  const tab = browser.tab();
  tab.chat.setAuthTokenProvider(provider);
  void tab.chat.start();
  await browser.settle();
  tab.wire.open();
  tab.wire.say(entered("started", { authentication: signed("ada", iat) }));
  await browser.settle();
  return tab;
}

/** Provides tokens of ada's, each a second newer, and counts. */
export function provider(first = 1000) {
  const out = { calls: 0, give: async () => jwt("ada", first - 1 + (out.calls += 1)) };
  return out;
}
