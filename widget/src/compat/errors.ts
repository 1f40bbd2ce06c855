// The documented numbers of `lcw:error`, and what usher says besides.

import type { ChatError } from "../sdk/types.ts";

/** Both members are the documented ones; the rest says which of usher's errors it was, and what to do. */
export interface LcwError {
  errorCode: number;
  errorDescription: string;
  /** With 7 only. */
  errorDetail?: string;
  reason: string;
  correctiveAction: string;
  correlationId?: string;
}

/** The codes of the documentation: 4 is a token that the gateway doesn't take, for whatever reason of its own. */
const CODES: [number, string][] = [
  [1, "context_provider_failed"],
  [2, "provider_failed provider_timeout"],
  [3, "provider_empty authentication_required"],
  [
    4,
    "malformed unsupported_alg unknown_kid bad_signature missing_claim invalid_claim invalid_context expired " +
      "not_yet_valid issued_in_future key_expired keys_unavailable too_large revoked subject_mismatch not_enabled",
  ],
  [7, "widget_unknown gateway_unreachable"],
  [8, "provider_missing provider_not_found"],
];

/** None where the documentation has no number for it: `usher:error` tells those. */
export function lcwError(error: ChatError): LcwError | undefined {
  const code = CODES.find(([, reasons]) => reasons.split(" ").includes(error.code))?.[0];
  if (code === undefined) return undefined;
  return {
    errorCode: code,
    errorDescription: error.message,
    ...(code === 7 && { errorDetail: error.message }),
    reason: error.code,
    correctiveAction: error.action,
    ...(error.correlation_id !== undefined && { correlationId: error.correlation_id }),
  };
}
