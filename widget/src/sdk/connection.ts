// Keeps one socket in the conversation: opens it, opens it again, and changes over to another while a node drains.

import type { Environment } from "./environment.ts";
import type { Inbound, Outbound } from "./frames.ts";
import { announced, comesBack, jitter } from "./reconnect.ts";
import { Link } from "./socket.ts";
import type { ChatEvents, ConnectionState } from "./types.ts";

/** How long an attempt to connect may take, in milliseconds. */
export const ATTEMPT_MS = 15_000;
/** How long the answer to a page that was away may take, in milliseconds. */
export const PONG_MS = 5000;
/** How long the answer to a message may take, in milliseconds. */
export const ACCEPTED_MS = 15_000;
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

export class Connection {
  state: ConnectionState = "idle";
  #env: Environment;
  #url: string;
  #host: ConnectionHost;
  #link: Link | null = null;
  /** The socket that is to take the place of `#link`. */
  #spare: Link | null = null;
  /** Which attempt counts. */
  #round = 0;
  #attempt = 0;
  #faults = 0;
  #announced = 0;
  #notBefore = 0;
  #cancel = () => {};
  #cancelSpare = () => {};

  constructor(env: Environment, url: string, host: ConnectionHost) {
    this.#env = env;
    this.#url = url;
    this.#host = host;
    env.onWake(() => this.wake());
  }

  /** Whether frames can be sent. */
  get joined(): boolean {
    return this.state === "open";
  }

  async connect(): Promise<void> {
    this.#leave();
    const round = this.#round;
    this.#tell({ state: "connecting" });
    const counts = () => round === this.#round;
    const first = await this.#host.prepare(counts);
    if (first && counts()) this.#link = this.#open(first);
  }

  /** Sends a frame, if that can be. Where nothing comes back in so many milliseconds, the connection is lost. */
  say(frame: Outbound, answerMs = 0): void {
    if (!this.joined) return;
    this.#link?.send(frame);
    if (answerMs) this.#link?.watch(answerMs);
  }

  /** Leaves the socket, and says what state this is. */
  drop(detail: ChatEvents["connection"] = { state: "idle" }): void {
    this.#leave();
    this.#attempt = this.#faults = this.#announced = 0;
    this.#tell(detail);
  }

  /** Connects again after a while. */
  comeBack(code?: number, reason = ""): void {
    this.#leave();
    this.#attempt += 1;
    const wait = announced(reason) || this.#announced;
    this.#notBefore = this.#env.now() + wait;
    this.#announced = 0;
    const retry_in_ms = Math.round(wait + jitter(this.#attempt, this.#env.random()));
    this.#cancel = this.#env.after(retry_in_ms, () => void this.connect());
    this.#tell({ state: "waiting", retry_in_ms, ...(code && { code, reason }) });
  }

  /** The gateway has said how long to stay away, in milliseconds. */
  announce(ms = 0): void {
    this.#announced = ms;
    this.#link?.watch(PONG_MS);
  }

  /** The page is seen again, or the network is back: there may be no more use in waiting, or in the socket. */
  wake(): void {
    if (this.joined) this.say({ type: "ping" }, PONG_MS);
    else if (this.state === "waiting" && this.#env.now() >= this.#notBefore) void this.connect();
  }

  /** Opens another socket at a moment before the present one is closed. */
  drain(ms: number): void {
    this.#cancelSpare();
    this.#cancelSpare = this.#env.after(ms * DRAIN_SHARE * this.#env.random(), () => {
      if (this.joined && !this.#spare) this.#spare = this.#open(() => this.#host.resume());
    });
  }

  #open(first: () => Outbound): Link {
    const link = new Link(this.#env, this.#url, {
      opened: () => link.send(first()),
      frame: (_, frame) => this.#frame(link, frame),
      closed: (_, code, reason) => this.#closed(link, code, reason),
    });
    link.watch(ATTEMPT_MS);
    return link;
  }

  #frame(link: Link, frame: Inbound): void {
    const entered = frame.type === "started" || frame.type === "resumed";
    if (link === this.#spare) {
      if (!entered) {
        // Refused: what becomes of the present socket decides.
        link.close();
        this.#spare = null;
        return;
      }
      this.#link?.close();
      this.#link = link;
      this.#spare = null;
    }
    if (entered) {
      link.joined = this.#env.now();
      this.#tell({ state: "open" });
    }
    this.#host.frame(frame, link);
  }

  #closed(link: Link, code: number, reason: string): void {
    if (link === this.#spare) {
      this.#spare = null;
      return;
    }
    if (link.joined && this.#env.now() - link.joined >= HELD_MS) this.#attempt = this.#faults = 0;
    if (code === 1011) this.#faults += 1;
    if (!comesBack(code, this.#faults)) {
      this.#leave();
      this.#host.stopped(code, reason, link);
    } else if (this.#spare) {
      this.#link = this.#spare;
      this.#spare = null;
      this.#tell({ state: "connecting" });
    } else if (!this.#host.lost(code, this.#attempt + 1, link)) {
      this.comeBack(code, reason);
    }
  }

  /** No socket, no timer, and no attempt that still counts. */
  #leave(): void {
    this.#round += 1;
    this.#cancel();
    this.#cancelSpare();
    this.#link?.close();
    this.#spare?.close();
    this.#link = this.#spare = null;
  }

  #tell(detail: ChatEvents["connection"]): void {
    const same = detail.state === this.state && detail.state !== "waiting";
    this.state = detail.state;
    if (!same) this.#host.state(detail);
  }
}
