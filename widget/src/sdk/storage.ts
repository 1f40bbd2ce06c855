// What outlives the page: which conversation this browser is in, and the secret to come back to it. Nothing else.

import type { Environment } from "./environment.ts";

export interface Kept {
  conversation: string;
  resume_token: string;
}

export class Shelf {
  #env: Environment;
  #key: string;
  /** What there is where the browser keeps nothing. */
  #memory: string | null = null;

  constructor(env: Environment, key: string) {
    this.#env = env;
    this.#key = key;
  }

  read(): Kept | null {
    try {
      const kept = JSON.parse(this.#text() ?? "null") as Partial<Kept> | null;
      const { conversation, resume_token } = kept ?? {};
      return conversation && resume_token ? { conversation, resume_token } : null;
    } catch {
      return null;
    }
  }

  write({ conversation, resume_token }: Kept): void {
    this.#memory = JSON.stringify({ conversation, resume_token });
    try {
      this.#env.storage().setItem(this.#key, this.#memory);
      this.#memory = null;
    } catch {}
  }

  /** Forgets the conversation, whichever it is, or only where it is this one. */
  clear(conversation?: string): void {
    if (conversation && this.read()?.conversation !== conversation) return;
    this.#memory = null;
    try {
      this.#env.storage().removeItem(this.#key);
    } catch {}
  }

  #text(): string | null {
    try {
      return this.#memory ?? this.#env.storage().getItem(this.#key);
    } catch {
      return this.#memory;
    }
  }
}
