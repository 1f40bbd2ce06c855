// The life of one socket.

import type { Environment, Wire } from "./environment.ts";
import { decode, encode, type Inbound, type Outbound, type Refusal } from "./frames.ts";

export interface Link {
  /** Whether the gateway has let it in. */
  open: boolean;
  /** When it took part in the conversation, in milliseconds; 0 before. */
  joined: number;
  /** What the gateway has refused before that. */
  refusal?: Refusal;
  send(frame: Outbound): void;
  /** Something must come within this time, in milliseconds, or the connection is given up; the shortest one counts. */
  watch(ms: number): void;
  /** Closes it without a further word to its host. */
  close(): void;
}

export interface LinkHost {
  opened(link: Link): void;
  frame(frame: Inbound, link: Link): void;
  /** It is gone, by the gateway or by `watch`. `close` is not told. */
  closed(link: Link, code: number, reason: string): void;
}

export function createLink(env: Environment, url: string, host: LinkHost): Link {
  let wire: Wire | undefined;
  let cancel = () => {};
  /** By when something must come. */
  let deadline = Infinity;
  let live = true;

  const seen = () => {
    cancel();
    deadline = Infinity;
  };
  const leave = () => {
    seen();
    const was = live;
    live = false;
    return was;
  };
  const lost = (code: number, reason: string) => {
    if (leave()) host.closed(link, code, reason);
  };
  const link: Link = {
    open: false,
    joined: 0,
    send: (frame) => wire?.send(encode(frame)),
    watch(ms) {
      const by = env.now() + ms;
      if (by >= deadline) return;
      cancel();
      deadline = by;
      cancel = env.after(ms, () => {
        wire?.close();
        lost(1006, "");
      });
    },
    close() {
      leave();
      wire?.close();
    },
  };

  try {
    wire = env.wire(url);
    wire.onopen = () => {
      link.open = true;
      if (live) host.opened(link);
    };
    wire.onmessage = ({ data }) => {
      seen();
      const frame = decode(data);
      if (frame && live) host.frame(frame, link);
    };
    wire.onclose = ({ code, reason }) => lost(code, reason);
  } catch {
    env.after(0, () => lost(1006, ""));
  }
  return link;
}
