// Signs in, and stays signed in: presents tokens, and sees to it that a fresh one is there before the old one ends.

import type { Environment } from "../environment.ts";
import type { Outbound } from "../frames.ts";
import { jitter } from "../reconnect.ts";
import type { Standing } from "../standing.ts";
import type { Authentication, AuthenticationReason, ChatError } from "../types.ts";
import { isNewer, type Token } from "./jwt.ts";
import type { Tokens } from "./tokens.ts";

/** How often something is tried before it is left to the customer. */
export const TRIES = 3;
/** A tab leaves it to the one that got a token to present it for so long, in milliseconds. */
export const OTHERS_MS = 3000;

export interface SignInHost {
  standing(): Standing;
  say(frame: Outbound): void;
  error(error: ChatError): void;
}

/**
 * The `iat` of the token that the conversation stands on, in seconds. By the protocol, `refresh_by` lies three quarters
 * of the way from it to `expires_at`.
 */
export function issued({ refresh_by = "", expires_at = "" }: Authentication): number {
  return (4 * Date.parse(refresh_by) - 3 * Date.parse(expires_at)) / 1000 || 0;
}

/**
 * How long until the refresh, in milliseconds, or nothing where it can't be told: then `token_expiring` will tell.
 * The page's clock may be wrong, so the token's age is counted from when this browser got it.
 */
export function due(authentication: Authentication, token: Token | null, now: number): number | null {
  const { refresh_by } = authentication;
  if (!refresh_by || !token || Math.abs(token.iat - issued(authentication)) > 1) return null;
  return Math.max(0, Date.parse(refresh_by) - token.iat * 1000 - (now - token.got));
}

export interface SignIn {
  /** Presents the newest token; resolves once it was judged, with whether the conversation is authenticated. */
  result(): Promise<boolean>;
  /** A socket is in the conversation; it has presented what there was when it was opened. */
  joined(): void;
  /** The gateway says what stands now, and why. */
  stands(reason: AuthenticationReason): void;
  /** The gateway has not taken the token; `retryMs`: but might after so many milliseconds. */
  refused(retryMs: number): void;
  /** Brings a fresh token, once for all the tabs. */
  refresh(): Promise<void>;
  stop(): void;
}

export function createSignIn(env: Environment, tokens: Tokens, host: SignInHost): SignIn {
  const waiting: ((authenticated: boolean) => void)[] = [];
  let tries = 0;
  /** The `iat` for which a refresh is planned. */
  let planned = 0;
  let cancel = () => {};
  /** The refresh that is under way. */
  let run: object | null = null;

  const present = () => {
    const token = tokens.own?.text;
    if (token) host.say({ type: "authenticate", token });
  };

  const settle = (authenticated = host.standing().signedIn) => {
    for (const resolve of waiting.splice(0)) resolve(authenticated);
  };

  const refresh = async () => {
    if (run) return;
    const own = (run = {});
    for (let attempt = 1; run === own; attempt += 1) {
      try {
        const token = await tokens.renew(planned);
        const bring = () => {
          tries = 0;
          if (token === tokens.own && isNewer(token, planned)) present();
        };
        // Another tab's provider was asked on behalf of all; that tab presents the token, if it still can.
        if (run === own) {
          run = null;
          env.after(token.shared ? OTHERS_MS : 0, bring);
        }
      } catch (error) {
        if (attempt < TRIES) {
          await new Promise<void>((go) => env.after(jitter(attempt, env.random()), go));
        } else if (run === own) {
          run = null;
          host.error(error as ChatError);
        }
      }
    }
  };

  /** Plans the refresh of what stands now, once for each token. */
  const plan = () => {
    const { authentication } = host.standing();
    const iat = authentication ? issued(authentication) : 0;
    if (!authentication || iat === planned) return;
    cancel();
    run = null;
    planned = iat;
    const wait = due(authentication, tokens.own, env.now());
    if (wait !== null) cancel = env.after(wait, () => void refresh());
  };

  return {
    result: () =>
      new Promise((resolve) => {
        tries = 0;
        waiting.push(resolve);
        present();
      }),
    joined() {
      plan();
      if (waiting.length && tokens.own && !host.standing().signedIn) present();
      else settle();
    },
    stands(reason) {
      plan();
      if (["token_presented", "token_refreshed", "unchanged"].includes(reason)) settle();
    },
    refused(retryMs) {
      if (retryMs && (tries += 1) < TRIES) env.after(retryMs, present);
      else settle();
    },
    refresh,
    stop() {
      cancel();
      planned = 0;
      run = null;
      settle(false);
    },
  };
}
