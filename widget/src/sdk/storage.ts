// What outlives the page: which conversation this browser is in, and the secret to come back to it. Nothing else.

import type { Environment } from "./environment.ts";

export interface Kept {
  conversation: string;
  resume_token: string;
}

export interface Shelf {
  read(): Kept | null;
  write(kept: Kept): void;
  /** Forgets the conversation, whichever it is, or only where it is this one. */
  clear(conversation?: string | null): void;
}

/** Where the browser keeps nothing, this tab's memory does. */
export function createShelf(env: Environment, key: string): Shelf {
  let memory: string | null = null;
  const read = () => {
    let text = memory;
    try {
      text ??= env.storage().getItem(key);
      const { conversation, resume_token } = JSON.parse(text ?? "{}") as Partial<Kept>;
      return conversation && resume_token ? { conversation, resume_token } : null;
    } catch {
      return null;
    }
  };
  return {
    read,
    write({ conversation, resume_token }) {
      memory = JSON.stringify({ conversation, resume_token });
      try {
        env.storage().setItem(key, memory);
        memory = null;
      } catch {}
    },
    clear(conversation) {
      if (conversation && read()?.conversation !== conversation) return;
      memory = null;
      try {
        env.storage().removeItem(key);
      } catch {}
    },
  };
}
