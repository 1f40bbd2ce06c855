import type { ChatError } from "./types.ts";

/** An error of the widget's own, in the form of the protocol's. */
export function fault(code: string, message: string, action: string, temporary = false): ChatError {
  return { code, message, action, temporary };
}

/** What was thrown, where it isn't known to be a `ChatError`. */
export function isFault(error: unknown): error is ChatError {
  return typeof error === "object" && error !== null && "code" in error && "action" in error;
}
