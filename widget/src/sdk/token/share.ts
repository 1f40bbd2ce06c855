// What the tabs of a browser tell one another. Tokens go from memory to memory; they are never stored.

import { lock, type Channel, type Environment } from "../environment.ts";
import type { ClearedReason } from "../types.ts";

/** How long a tab waits for the others' answers, in milliseconds. */
export const ANSWER_MS = 300;

type Word =
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

export class Share {
  #env: Environment;
  #name: string;
  #host: ShareHost;
  #channel: Channel | null = null;
  #asked = 0;
  #answers = 0;
  /** How many tabs there are besides this one, while they are asked. */
  #others = Infinity;
  #enough = () => {};

  constructor(env: Environment, name: string, host: ShareHost) {
    this.#env = env;
    this.#name = name;
    this.#host = host;
    try {
      this.#channel = env.channel(name);
      this.#channel.onmessage = ({ data }) => this.#hear(data as Word);
      // Every tab holds this lock as long as it lives: that is how they are counted.
      env.locks().request(`${name}:tab`, { mode: "shared" }, () => new Promise(() => {})).catch(() => {});
    } catch {}
  }

  lock(name: "token" | "start"): Promise<() => void> {
    return lock(this.#env, `${this.#name}:${name}`);
  }

  tell(word: Word): void {
    this.#channel?.postMessage(word);
  }

  /** Has every other tab tell its token, through `heard`. */
  async ask(): Promise<void> {
    if (!this.#channel) return;
    const id = (this.#asked = this.#env.random());
    this.#answers = 0;
    this.#others = Infinity;
    const answered = new Promise<void>((resolve) => (this.#enough = resolve));
    const cancel = this.#env.after(ANSWER_MS, this.#enough);
    this.tell({ type: "ask", id });
    try {
      const { held = [] } = await this.#env.locks().query();
      this.#others = held.filter(({ name }) => name === `${this.#name}:tab`).length - 1;
      this.#count();
    } catch {}
    await answered;
    cancel();
  }

  #hear(word: Word): void {
    if (word.type === "ask") this.tell({ type: "answer", id: word.id, text: this.#host.token() });
    else if (word.type === "cleared") this.#host.cleared(word.conversation, word.reason);
    else {
      if (word.text) this.#host.heard(word.text);
      if (word.type === "answer" && word.id === this.#asked) {
        this.#answers += 1;
        this.#count();
      }
    }
  }

  #count(): void {
    if (this.#answers >= this.#others) this.#enough();
  }
}
