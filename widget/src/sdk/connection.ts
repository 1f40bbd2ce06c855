// Keeps one socket in the conversation: opens it, opens it again, and changes over to another while a node drains.

import type { Environment } from "./environment.ts";
import type { Inbound, Outbound } from "./frames.ts";
import { announced, comesBack, jitter } from "./reconnect.ts";
import { createLink, type Link } from "./socket.ts";
import type { ChatEvents, ConnectionState } from "./types.ts";

/** How long an attempt to connect may take, in milliseconds. */
export const ATTEMPT_MS = 15_000;
/** How long the answer to a page that was away may take, in milliseconds. */
export const PONG_MS = 5000;
/** A socket that was in the conversation for so long, in milliseconds, makes what went wrong before forgotten. */
export const HELD_MS = 10_000;
/** How much of the time that a draining node leaves is used for the change. */
const DRAIN_SHARE = 0.8;

export interface ConnectionHost {
  /** Gets ready, and says what the first frame is; called anew at each attempt. Nothing: there is no more to do. */
  prepare(counts: () => boolean): Promise<(() => Outbound) | null>;
  /** The first frame of a socket that is opened besides the present one. */
  resume(): Outbound;
  frame(frame: Inbound, link: Link): void;
  state(detail: ChatEvents["connection"]): void;
  /** It was closed, and can come back. Whether there is no use in another attempt, which would be the so-manieth. */
  lost(code: number, attempt: number, link: Link): boolean;
  /** It was closed for good. */
  stopped(code: number, reason: string, link: Link): void;
}

export interface Connection {
  state(): ConnectionState;
  /** Whether frames can be sent. */
  joined(): boolean;
  connect(): Promise<void>;
  /** Sends a frame, if that can be. Where nothing comes back in so many milliseconds, the connection is lost. */
  say(frame: Outbound, answerMs?: number): void;
  /** Leaves the socket, and says what state this is. */
  drop(detail: ChatEvents["connection"]): void;
  /** Connects again after a while. */
  comeBack(code?: number, reason?: string): void;
  /** The gateway has refused the first frame, and may have said how long to stay away, in milliseconds. */
  announce(ms?: number): void;
  /** Opens another socket at a moment before the present one is closed, in so many milliseconds. */
  drain(ms: number): void;
}

export function createConnection(env: Environment, url: string, host: ConnectionHost): Connection {
  let state: ConnectionState = "idle";
  let present: Link | null = null;
  /** The socket that is to take the place of the present one. */
  let spare: Link | null = null;
  /** Which attempt counts. */
  let round = 0;
  let attempt = 0;
  let faults = 0;
  let wait = 0;
  let notBefore = 0;
  let cancel = () => {};
  let cancelSpare = () => {};

  const joined = () => state === "open";

  const tell = (detail: ChatEvents["connection"]) => {
    const same = detail.state === state && state !== "waiting";
    state = detail.state;
    if (!same) host.state(detail);
  };

  /** No socket, no timer, and no attempt that still counts. */
  const leave = () => {
    round += 1;
    cancel();
    cancelSpare();
    present?.close();
    spare?.close();
    present = spare = null;
  };

  const connect = async () => {
    leave();
    const own = round;
    const counts = () => own === round;
    tell({ state: "connecting" });
    const first = await host.prepare(counts);
    if (first && counts()) present = open(first);
  };

  const say = (frame: Outbound, answerMs = 0) => {
    if (!joined()) return;
    present?.send(frame);
    if (answerMs) present?.watch(answerMs);
  };

  const comeBack = (code?: number, reason = "") => {
    leave();
    attempt += 1;
    const announcedMs = announced(reason) || wait;
    wait = 0;
    notBefore = env.now() + announcedMs;
    const retry_in_ms = Math.round(announcedMs + jitter(attempt, env.random()));
    cancel = env.after(retry_in_ms, () => void connect());
    tell({ state: "waiting", retry_in_ms, ...(code && { code, reason }) });
  };

  const open = (first: () => Outbound) => {
    const link = createLink(env, url, { opened: () => link.send(first()), frame, closed });
    link.watch(ATTEMPT_MS);
    return link;
  };

  const frame = (frame: Inbound, link: Link) => {
    const entered = frame.type === "started" || frame.type === "resumed";
    if (link === spare) {
      spare = null;
      // Refused: what becomes of the present socket decides.
      if (!entered) return link.close();
      present?.close();
      present = link;
    }
    if (entered) {
      link.joined = env.now();
      tell({ state: "open" });
    }
    host.frame(frame, link);
  };

  const closed = (link: Link, code: number, reason: string) => {
    if (link === spare) {
      spare = null;
      return;
    }
    if (link.joined && env.now() - link.joined >= HELD_MS) attempt = faults = 0;
    if (code === 1011) faults += 1;
    if (!comesBack(code, faults)) {
      leave();
      host.stopped(code, reason, link);
    } else if (spare) {
      present = spare;
      spare = null;
      tell({ state: "connecting" });
    } else if (!host.lost(code, attempt + 1, link)) {
      comeBack(code, reason);
    }
  };

  // The page is seen again, or the network is back: there may be no more use in waiting, or in the socket.
  env.onWake(() => {
    if (joined()) say({ type: "ping" }, PONG_MS);
    else if (state === "waiting" && env.now() >= notBefore) void connect();
  });

  return {
    state: () => state,
    joined,
    connect,
    say,
    drop(detail) {
      leave();
      attempt = faults = wait = 0;
      tell(detail);
    },
    comeBack,
    announce(ms = 0) {
      wait = ms;
      present?.watch(PONG_MS);
    },
    drain(ms) {
      cancelSpare();
      cancelSpare = env.after(ms * DRAIN_SHARE * env.random(), () => {
        if (joined()) spare ??= open(host.resume);
      });
    },
  };
}
