// What the SDK asks of the browser, in one place: tests put their own there.

/** A `WebSocket`, as far as it is used. */
export type Wire = Pick<WebSocket, "onopen" | "onmessage" | "onclose" | "send" | "close">;

/** A `BroadcastChannel`, as far as it is used. */
export type Channel = Pick<BroadcastChannel, "onmessage" | "postMessage">;

/** What may be missing or may throw (old browsers, sandboxed frames) is asked for anew at each use. */
export interface Environment {
  wire(url: string): Wire;
  fetch(url: string): Promise<Pick<Response, "ok" | "status" | "json">>;
  storage(): Pick<Storage, "getItem" | "setItem" | "removeItem">;
  locks(): Pick<LockManager, "request" | "query">;
  channel(name: string): Channel;
  /** Milliseconds; used for durations alone, as the page's clock may be wrong. */
  now(): number;
  /** In [0, 1). */
  random(): number;
  /** This many random bytes, of the kind that keys are made of. */
  bytes(count: number): Uint8Array;
  /** Does it after so many milliseconds, unless what is returned is called before. */
  after(ms: number, act: () => void): () => void;
  /** Calls back whenever the page is seen again or the network is back. */
  onWake(act: () => void): void;
  /** Where a provider's dotted name is looked up. */
  page: unknown;
  language(): string;
}

/** What `setTimeout` can hold; more fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export function browser(): Environment {
  return {
    wire: (url) => new WebSocket(url, "usher.v1"),
    fetch: (url) => fetch(url, { credentials: "omit" }),
    storage: () => localStorage,
    locks: () => navigator.locks,
    channel: (name) => new BroadcastChannel(name),
    now: () => Date.now(),
    random: () => Math.random(),
    bytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
    after: (ms, act) => {
      const timer = setTimeout(act, Math.min(ms, LONGEST_TIMER_MS));
      return () => clearTimeout(timer);
    },
    onWake: (act) => {
      addEventListener("online", act);
      addEventListener("pageshow", act);
      document.addEventListener("visibilitychange", () => document.hidden || act());
    },
    page: globalThis,
    language: () => document.documentElement.lang || navigator.language,
  };
}

/** 128 random bits as base64url, 22 characters. */
export function randomKey(env: Environment): string {
  return btoa(String.fromCharCode(...env.bytes(16)))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .slice(0, 22);
}

/** Waits for the lock, and resolves with what gives it back; at once where there are no locks. */
export function lock(env: Environment, name: string): Promise<() => void> {
  return new Promise((resolve) => {
    const alone = () => resolve(() => {});
    try {
      env
        .locks()
        .request(name, () => new Promise<void>((release) => resolve(release)))
        .catch(alone);
    } catch {
      alone();
    }
  });
}
