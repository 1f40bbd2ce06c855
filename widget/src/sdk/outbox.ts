// What the customer and the page have said, and the gateway is still to hear: when it can, and not more often than it
// likes.

import type { Environment } from "./environment.ts";
import type { Outbound } from "./frames.ts";
import type { Messages } from "./messages.ts";
import type { Standing } from "./standing.ts";
import type { Context } from "./types.ts";

/** How long the answer to a message may take, in milliseconds. */
export const ACCEPTED_MS = 15_000;
/** How often the gateway is told that the customer is typing, in milliseconds. */
export const TYPING_MS = 3000;
/** How often it is told what was read, in milliseconds. */
export const READ_MS = 1000;

export interface OutboxHost {
  joined(): boolean;
  say(frame: Outbound, answerMs?: number): void;
  /** Whether the gateway takes messages and context now: not before the customer has signed in where that is required. */
  heeded(): boolean;
  standing(): Standing;
}

export interface Outbox {
  /** Says everything anew, as a socket does that has just come; sending a message again stores it once. */
  joined(): void;
  /** Sends the messages that wait, and the context. */
  flush(): void;
  /** A message is not on its way any more. Whether it was. */
  back(id: string): boolean;
  /** Nothing of it is sent for so many milliseconds. */
  pause(ms: number): void;
  setContext(context: Context): void;
  /** What the page has set and the gateway doesn't know; somebody else tells it now. */
  take(): Context;
  typing(): void;
  read(sequence: number): void;
  end(): void;
  /** The gateway has not taken the end of the conversation, but might after so many milliseconds. */
  endAgain(ms: number): void;
  /** Sends no message by itself any more. */
  stop(): void;
  /** Another conversation: what was to be said in this one isn't said there, except for what waits. */
  clear(keepWaiting: boolean): void;
}

export function createOutbox(env: Environment, messages: Messages, host: OutboxHost): Outbox {
  /** The messages that this socket has sent. */
  const sent = new Set<string>();
  let context: Context = {};
  let pausedUntil = 0;
  let cancel = () => {};
  let ending = false;
  let typed = -Infinity;
  let read = 0;
  let readTold = 0;
  let readPaused = false;

  const flush = () => {
    cancel();
    const pause = pausedUntil - env.now();
    if (pause > 0) cancel = env.after(pause, flush);
    else if (host.joined() && host.heeded()) {
      if (Object.keys(context).length) host.say({ type: "set_context", context: outbox.take() });
      for (const { id, text } of messages.waiting()) {
        if (sent.has(id)) continue;
        sent.add(id);
        host.say({ type: "message", id, text }, ACCEPTED_MS);
      }
    }
  };

  const tellRead = () => {
    const sequence = Math.min(read, host.standing().sequence);
    if (readPaused || sequence <= readTold || !host.joined()) return;
    readTold = sequence;
    host.say({ type: "read", sequence });
    readPaused = true;
    env.after(READ_MS, () => {
      readPaused = false;
      tellRead();
    });
  };

  const outbox: Outbox = {
    joined() {
      sent.clear();
      readTold = 0;
      flush();
      tellRead();
      if (ending) outbox.end();
    },
    flush,
    back: (id) => sent.delete(id),
    pause(ms) {
      pausedUntil = env.now() + ms;
      flush();
    },
    setContext(more) {
      context = { ...context, ...more };
      flush();
    },
    take() {
      const taken = context;
      context = {};
      return taken;
    },
    typing() {
      const now = env.now();
      if (now - typed < TYPING_MS) return;
      typed = now;
      host.say({ type: "typing" });
    },
    read(sequence) {
      read = Math.max(read, sequence);
      tellRead();
    },
    end() {
      ending = true;
      host.say({ type: "end" });
    },
    endAgain: (ms) => void env.after(ms, () => ending && outbox.end()),
    stop: () => cancel(),
    clear(keepWaiting) {
      cancel();
      sent.clear();
      read = readTold = pausedUntil = 0;
      ending = false;
      if (!keepWaiting) outbox.take();
    },
  };
  return outbox;
}
