import type { ChatError } from "./types.ts";

/** An error of the widget's own, in the form of the protocol's. */
export function fault(code: string, message: string, action: string, temporary = false): ChatError {
  return { code, message, action, temporary };
}
