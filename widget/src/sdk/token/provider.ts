// Calls the page's functions: one returns, another promises, a third calls back.

import type { Environment } from "../environment.ts";
import { fault, isFault } from "../fault.ts";
import type { AuthTokenProvider, ChatError } from "../types.ts";
import { trim } from "./jwt.ts";

/** How long a provider has, in milliseconds. */
export const PROVIDER_MS = 10_000;

/** What is thrown where a provider lets its time pass. */
export const LATE = {};

type Provider = (callback: (value: unknown, error?: unknown) => void) => unknown;

/**
 * Calls the function without `this`. What it returns counts, now or promised, unless that is `undefined`: then the
 * callback is still to come, from a plain function as from an asynchronous one.
 */
export function call(env: Environment, provider: Provider): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const done = env.after(PROVIDER_MS, () => reject(LATE));
    const settle = (value: unknown, error?: unknown) => {
      done();
      if (error) reject(error);
      else resolve(value);
    };
    const returned = (value: unknown) => {
      if (value !== undefined) settle(value);
    };
    const threw = (error: unknown) => settle(null, error || "it threw nothing");
    try {
      Promise.resolve(provider(settle)).then(returned, threw);
    } catch (error) {
      threw(error);
    }
  });
}

/** The function that the settings name, looked up now: the page may define it late. */
export function find(env: Environment, path: string): AuthTokenProvider {
  let found: unknown;
  try {
    found = path.split(".").reduce((at: unknown, name) => (at as Record<string, unknown>)[name], env.page);
  } catch {}
  if (typeof found === "function") return found as AuthTokenProvider;
  throw fault("provider_not_found", `The page has no function ${path}.`, "Define it, or call setAuthTokenProvider.");
}

/** Asks for a token. Throws a `ChatError`. */
export async function askToken(env: Environment, provider: AuthTokenProvider): Promise<string> {
  try {
    const value = (await call(env, provider)) ?? "";
    if (typeof value !== "string") throw `it gave ${typeof value}, not text`;
    const token = trim(value);
    if (token) return token;
    throw fault("provider_empty", "The token provider gave no token.", "Is the customer signed in?");
  } catch (error) {
    throw providerFault(error, "provider", "token");
  }
}

/** Names what went wrong in a provider. */
export function providerFault(error: unknown, code: string, what: string): ChatError {
  if (isFault(error)) return error;
  if (error === LATE && what === "token") {
    return fault(`${code}_timeout`, "The token provider gave nothing within 10 s.", "Return a token or null.", true);
  }
  const why = error === LATE ? "nothing within 10 s" : error instanceof Error ? error.message : String(error);
  return fault(`${code}_failed`, `The ${what} provider failed: ${why}`, "See to the page's function.", true);
}
