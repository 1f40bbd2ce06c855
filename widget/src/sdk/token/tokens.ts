// The tokens that this tab knows of: its own, and the newest of the other tabs. In memory alone.

import type { Environment } from "../environment.ts";
import { fault } from "../fault.ts";
import type { AuthTokenProvider } from "../types.ts";
import { read, type Token } from "./jwt.ts";
import { askToken } from "./provider.ts";
import type { Share } from "./share.ts";

/** Two tokens whose `iat` lie closer are of one age, in seconds: the protocol's times are rounded. */
export const SAME_S = 0.5;

export class Tokens {
  /** What this page's provider gave, or a newer one of the same customer from another tab. */
  own: Token | null = null;
  /** The newest that was heard of, whoever's. */
  heard: Token | null = null;
  #env: Environment;
  #share: Share;
  #provider: () => AuthTokenProvider | null;
  #asking: Promise<Token> | null = null;
  /** What was asked for before everything was dropped doesn't count any more. */
  #round = 0;

  constructor(env: Environment, share: Share, provider: () => AuthTokenProvider | null) {
    this.#env = env;
    this.#share = share;
    this.#provider = provider;
  }

  hear(text: string): void {
    const token = read(text, this.#env.now(), true);
    if (!this.heard || token.iat >= this.heard.iat) this.heard = token;
    if (this.own?.identity === token.identity && token.iat > this.own.iat) this.own = token;
  }

  drop(): void {
    this.own = this.heard = this.#asking = null;
    this.#round += 1;
  }

  /** Asks the page's provider, once for all who want it now. Throws a `ChatError`. */
  ask(): Promise<Token> {
    const asking = (this.#asking ??= this.#ask().finally(() => {
      if (this.#asking === asking) this.#asking = null;
    }));
    return asking;
  }

  /** A token newer than `iat`: another tab's, or the provider's, who is asked by one tab at a time. */
  async renew(iat: number): Promise<Token> {
    const former = this.own?.identity;
    const newer = () => (this.own && this.own.iat > iat + SAME_S ? this.own : null);
    const release = await this.#share.lock("token");
    try {
      if (!newer()) await this.#share.ask();
      const known = newer();
      if (known) return known;
      const token = await this.ask();
      if (token.iat && token.iat <= iat + SAME_S && token.identity === former) {
        throw fault("provider_failed", "The token provider gave the same token again.", "Issue a new one.", true);
      }
      return token;
    } finally {
      release();
    }
  }

  async #ask(): Promise<Token> {
    const round = this.#round;
    const provider = this.#provider();
    if (!provider) throw fault("provider_missing", "No token provider is set.", "Call setAuthTokenProvider.");
    const token = read(await askToken(this.#env, provider), this.#env.now());
    if (round !== this.#round) throw fault("provider_empty", "The customer has signed out.", "");
    // An older token of the same customer, out of some cache, takes nothing away.
    const { own } = this;
    if (own && own.identity === token.identity && own.iat > token.iat) return own;
    this.own = token;
    this.#share.tell({ type: "token", text: token.text });
    return token;
  }
}
