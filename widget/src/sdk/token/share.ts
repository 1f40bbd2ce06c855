// What the tabs of a browser tell one another. Tokens go from memory to memory; they are never stored.

import { lock, type Channel, type Environment } from "../environment.ts";
import type { ClearedReason } from "../types.ts";

/** How long a tab waits for the others' answers, in milliseconds. */
export const ANSWER_MS = 300;

export type Word =
  | { type: "token"; text: string }
  | { type: "ask"; id: number }
  | { type: "answer"; id: number; text: string | null }
  | { type: "cleared"; conversation: string; reason: ClearedReason };

export interface ShareHost {
  /** The newest token that this tab has. */
  token(): string | null;
  /** Another tab has a token. */
  heard(text: string): void;
  /** Another tab has left the conversation, for all of them. */
  cleared(conversation: string, reason: ClearedReason): void;
}

export interface Share {
  /** Waits for the lock among all tabs; resolves with what gives it back. */
  lock(name: "token" | "start"): Promise<() => void>;
  tell(word: Word): void;
  /** Has every other tab tell its token, through `heard`. */
  ask(): Promise<void>;
}

export function createShare(env: Environment, name: string, host: ShareHost): Share {
  const tab = `${name}:tab`;
  let channel: Channel | undefined;
  let asked = 0;
  let answers = 0;
  /** How many tabs there are besides this one. */
  let others = 0;
  let enough = () => {};

  const tell = (word: Word) => channel?.postMessage(word);
  const count = () => {
    if (answers >= others) enough();
  };
  const hear = (word: Word) => {
    if (word.type === "ask") tell({ type: "answer", id: word.id, text: host.token() });
    else if (word.type === "cleared") host.cleared(word.conversation, word.reason);
    else {
      if (word.text) host.heard(word.text);
      if (word.type === "answer" && word.id === asked) {
        answers += 1;
        count();
      }
    }
  };

  try {
    channel = env.channel(name);
    channel.onmessage = ({ data }) => hear(data as Word);
    // Every tab holds this lock as long as it lives: that is how they are counted.
    env
      .locks()
      .request(tab, { mode: "shared" }, () => new Promise(() => {}))
      .catch(() => {});
  } catch {}

  return {
    lock: (what) => lock(env, `${name}:${what}`),
    tell,
    async ask() {
      if (!channel) return;
      const id = (asked = env.random());
      answers = 0;
      others = Infinity;
      const answered = new Promise<void>((resolve) => (enough = resolve));
      const cancel = env.after(ANSWER_MS, enough);
      tell({ type: "ask", id });
      try {
        const { held = [] } = await env.locks().query();
        others = held.filter((held) => held.name === tab).length - 1;
        count();
      } catch {}
      await answered;
      cancel();
    },
  };
}
