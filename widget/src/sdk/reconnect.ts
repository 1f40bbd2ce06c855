// When a lost connection is opened again: the protocol's table of close codes, and how long to wait.

/** The shortest wait, in milliseconds. */
export const FIRST_MS = 500;
/** The longest, an announced wait apart. */
export const MOST_MS = 20_000;
/** After so many faults of the gateway in a row the widget gives up. */
export const FAULTS_MOST = 5;

/** Whether a socket that was closed with this code is opened again; `faults` counts the 1011 so far, this included. */
export function comesBack(code: number, faults: number): boolean {
  if (code === 1011) return faults <= FAULTS_MOST;
  return [1001, 1005, 1006, 1012, 1013].includes(code) || (code >= 4000 && code < 4500);
}

/** What is announced in the reason of a close (`overloaded;retry_after_ms=3000`), in milliseconds. */
export function announced(reason: string): number {
  return Number(/;retry_after_ms=(\d+)/.exec(reason)?.[1] ?? 0);
}

/** Full jitter: random up to a ceiling that doubles with each attempt, counted from 1. */
export function jitter(attempt: number, random: number): number {
  return FIRST_MS + random * (Math.min(MOST_MS, FIRST_MS * 2 ** attempt) - FIRST_MS);
}
