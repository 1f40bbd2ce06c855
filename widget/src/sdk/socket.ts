// The life of one socket.

import type { Environment, Wire } from "./environment.ts";
import { decode, encode, type Inbound, type Outbound } from "./frames.ts";

export interface LinkHost {
  opened(link: Link): void;
  frame(link: Link, frame: Inbound): void;
  /** It is gone, by the gateway or by `watch`. `close` is not told. */
  closed(link: Link, code: number, reason: string): void;
}

export class Link {
  /** Whether the gateway has let it in. */
  open = false;
  /** When it took part in the conversation, in milliseconds; 0 before. */
  joined = 0;
  /** What the gateway last refused before that. */
  refusal: (Inbound & { type: "error" }) | null = null;
  #env: Environment;
  #host: LinkHost | null;
  #wire: Wire | null = null;
  #watch: (() => void) | null = null;

  constructor(env: Environment, url: string, host: LinkHost) {
    this.#env = env;
    this.#host = host;
    try {
      const wire = (this.#wire = env.wire(url));
      wire.onopen = () => {
        this.open = true;
        this.#host?.opened(this);
      };
      wire.onmessage = ({ data }) => {
        this.#watch?.();
        this.#watch = null;
        const frame = decode(data);
        if (frame) this.#host?.frame(this, frame);
      };
      wire.onclose = ({ code, reason }) => this.#lost(code, reason);
    } catch {
      env.after(0, () => this.#lost(1006, ""));
    }
  }

  send(frame: Outbound): void {
    this.#wire?.send(encode(frame));
  }

  /** Something must come within this time, in milliseconds, or the connection is given up. */
  watch(ms: number): void {
    this.#watch ??= this.#env.after(ms, () => {
      this.#lost(1006, "");
      this.close();
    });
  }

  /** Closes it without a further word to its host. */
  close(): void {
    this.#host = null;
    this.#watch?.();
    try {
      this.#wire?.close(1000);
    } catch {}
  }

  #lost(code: number, reason: string): void {
    const host = this.#host;
    this.#host = null;
    this.#watch?.();
    host?.closed(this, code, reason);
  }
}
