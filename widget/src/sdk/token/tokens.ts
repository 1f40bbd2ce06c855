// The tokens that this tab knows of: its own, and the newest of the other tabs. In memory alone.

import type { Environment } from "../environment.ts";
import { fault } from "../fault.ts";
import type { Page } from "../page.ts";
import { isNewer, read, type Token } from "./jwt.ts";
import { askToken } from "./provider.ts";
import type { Share } from "./share.ts";

export interface Tokens {
  /** What this page's provider gave, or a newer one of the same customer from another tab. */
  own: Token | null;
  /** The newest that was heard of, whoever's. */
  heard: Token | null;
  hear(text: string): void;
  drop(): void;
  /** Asks the page's provider, once for all who want it now. Throws a `ChatError`. */
  ask(): Promise<Token>;
  /** A token newer than `iat`: another tab's, or the provider's, who is asked by one tab at a time. */
  renew(iat: number): Promise<Token>;
}

export function createTokens(env: Environment, share: Share, page: Page): Tokens {
  let asking: Promise<Token> | null = null;
  /** What was asked for before everything was dropped doesn't count any more. */
  let round = 0;

  const ask = async () => {
    const begun = round;
    const provider = page.provider();
    if (!provider) throw fault("provider_missing", "No token provider is set.", "Call setAuthTokenProvider.");
    const token = read(await askToken(env, provider), env.now());
    if (begun !== round) throw fault("provider_empty", "The customer has signed out.", "");
    const { own } = tokens;
    // An older token of the same customer, out of some cache, takes nothing away.
    if (own?.identity === token.identity && own.iat > token.iat) return own;
    share.tell({ type: "token", text: token.text });
    return (tokens.own = token);
  };

  const tokens: Tokens = {
    own: null,
    heard: null,
    hear(text) {
      const token = read(text, env.now(), true);
      const { own, heard } = tokens;
      if (!heard || token.iat >= heard.iat) tokens.heard = token;
      if (own?.identity === token.identity && token.iat > own.iat) tokens.own = token;
    },
    drop() {
      tokens.own = tokens.heard = asking = null;
      round += 1;
    },
    ask: () => (asking ??= ask().finally(() => (asking = null))),
    async renew(iat) {
      const former = tokens.own?.identity;
      const newer = () => tokens.own && isNewer(tokens.own, iat) && tokens.own;
      const release = await share.lock("token");
      try {
        if (!newer()) await share.ask();
        const known = newer();
        if (known) return known;
        const token = await tokens.ask();
        if (token.iat && !isNewer(token, iat) && token.identity === former) {
          throw fault("provider_failed", "The token provider gave the same token again.", "Issue a new one.", true);
        }
        return token;
      } finally {
        release();
      }
    },
  };
  return tokens;
}
