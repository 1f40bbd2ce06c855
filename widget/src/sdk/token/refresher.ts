// Sees to it that a fresh token is there before the authentication ends.

import type { Environment } from "../environment.ts";
import { jitter } from "../reconnect.ts";
import type { Authentication, ChatError } from "../types.ts";
import type { Token } from "./jwt.ts";
import type { Tokens } from "./tokens.ts";

/** How often a refresh is tried before the customer's next word on it. */
export const TRIES = 3;

/**
 * The `iat` of the token that the conversation stands on, in seconds. By the protocol, `refresh_by` lies three quarters
 * of the way from it to `expires_at`.
 */
export function issued({ refresh_by, expires_at }: Authentication): number {
  return refresh_by && expires_at ? (4 * Date.parse(refresh_by) - 3 * Date.parse(expires_at)) / 1000 : 0;
}

/**
 * How long until the refresh, in milliseconds, or nothing where it can't be told: then `token_expiring` will tell.
 * The page's clock may be wrong, so the token's age is counted from when this browser got it.
 */
export function due(authentication: Authentication, token: Token | null, now: number): number | null {
  const { refresh_by } = authentication;
  if (!refresh_by || !token || Math.abs(token.iat - issued(authentication)) > 1) return null;
  return Date.parse(refresh_by) - token.iat * 1000 - (now - token.got);
}

export class Refresher {
  #env: Environment;
  #tokens: Tokens;
  #present: (token: Token) => void;
  #failed: (error: ChatError) => void;
  #planned = 0;
  #cancel = () => {};
  #running = 0;

  constructor(
    env: Environment,
    tokens: Tokens,
    present: (token: Token) => void,
    failed: (error: ChatError) => void,
  ) {
    this.#env = env;
    this.#tokens = tokens;
    this.#present = present;
    this.#failed = failed;
  }

  /** Plans the refresh of what the gateway now says; once for each token. */
  plan(authentication: Authentication): void {
    const iat = issued(authentication);
    if (iat === this.#planned) return;
    this.stop();
    this.#planned = iat;
    const wait = due(authentication, this.#tokens.own, this.#env.now());
    if (wait !== null) this.#cancel = this.#env.after(Math.max(0, wait), () => void this.refresh());
  }

  stop(): void {
    this.#cancel();
    this.#planned = 0;
    this.#running = 0;
  }

  async refresh(): Promise<void> {
    if (this.#running) return;
    const run = (this.#running = this.#env.random() + 1);
    const iat = this.#planned || this.#tokens.own?.iat || 0;
    for (let attempt = 1; attempt <= TRIES && this.#running === run; attempt += 1) {
      try {
        const token = await this.#tokens.renew(iat);
        if (this.#running === run) this.#present(token);
        break;
      } catch (error) {
        if (attempt === TRIES && this.#running === run) this.#failed(error as ChatError);
        else await new Promise<void>((go) => this.#env.after(jitter(attempt, this.#env.random()), go));
      }
    }
    if (this.#running === run) this.#running = 0;
  }
}
