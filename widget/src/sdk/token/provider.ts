// Calls the page's functions: one returns, another promises, a third calls back.

import type { Environment } from "../environment.ts";
import { fault } from "../fault.ts";
import type { AuthTokenProvider } from "../types.ts";
import { trim } from "./jwt.ts";

/** How long a provider has, in milliseconds. */
export const PROVIDER_MS = 10_000;

type Provider = (callback: (value: unknown, error?: unknown) => void) => unknown;

/**
 * Calls the function without `this`. What it returns counts, now or promised, unless that is `undefined`: then the
 * callback is still to come, from a plain function as from an asynchronous one. Throws a `ChatError`, whose code begins
 * with `code` and, where the time has passed, ends with `late`.
 */
export function call(env: Environment, provider: Provider, what: string, code: string, late: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const failed = (how: string, why: unknown) =>
      reject(fault(`${code}_${how}`, `The ${what} provider: ${why}`, "Mend the page's function.", true));
    const cancel = env.after(PROVIDER_MS, () => failed(late, "nothing within 10 s"));
    const settle = (value: unknown, error?: unknown) => {
      cancel();
      if (error) failed("failed", error instanceof Error ? error.message : error);
      else resolve(value);
    };
    const threw = (error: unknown) => settle(null, error || "it threw nothing");
    try {
      Promise.resolve(provider(settle)).then((value) => value === undefined || settle(value), threw);
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
  const value = await call(env, provider, "token", "provider", "timeout");
  const token = typeof value === "string" ? trim(value) : "";
  if (token) return token;
  throw fault("provider_empty", "The token provider gave no token.", "Give its text. Is the customer signed in?");
}
