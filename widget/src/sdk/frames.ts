// The frames of `usher.v1`, as the protocol's tables have them.

import type { Authentication, AuthenticationReason, ChatError, Message } from "./types.ts";
import type { Context, ContextReport, Limits } from "./types.ts";

export type Outbound =
  | {
      type: "start";
      token?: string;
      context?: Context;
      locale: string;
      idempotency_key: string;
      continue?: boolean;
    }
  | { type: "resume"; conversation: string; resume_token: string; after?: number; token?: string }
  | { type: "authenticate"; token: string }
  | { type: "message"; id: string; text: string }
  | { type: "read"; sequence: number }
  | { type: "set_context"; context: Context }
  | { type: "typing" | "sign_out" | "end" | "ping" };

interface Standing {
  conversation: string;
  resume_token: string;
  sequence: number;
  authentication: Authentication;
  queue: string;
  agent?: string;
  context: ContextReport;
  limits: Limits;
  replayed?: number;
  truncated?: boolean;
}

/** The conversation stands: begun, or taken up. */
export type Entered = (Standing & { type: "started" }) | (Standing & { type: "resumed" });

export interface Authenticated {
  type: "authentication";
  authentication: Authentication;
  reason: AuthenticationReason;
  sequence: number;
  resume_token?: string;
}

export interface Refusal extends ChatError {
  type: "error";
  retry_after_ms?: number;
}

export interface Said extends Pick<Message, "at" | "from" | "text" | "name" | "id" | "authenticated"> {
  type: "message";
  sequence: number;
}

/** What is known; a frame of any other type is ignored. */
export type Inbound =
  | Entered
  | Authenticated
  | Refusal
  | Said
  | { type: "token_expiring"; expires_at: string; refresh_by: string }
  | { type: "context"; sequence?: number; context: ContextReport }
  | { type: "accepted"; id: string; sequence: number; at: string }
  | { type: "typing"; from: Message["from"] }
  | { type: "read"; sequence: number; by: string; up_to: number }
  | { type: "assigned"; sequence: number; queue: string; agent?: string }
  | { type: "authentication_requested"; sequence: number; message?: string }
  | { type: "ended"; sequence: number; by: string; reason?: string }
  | { type: "draining"; reconnect_after_ms: number }
  | { type: "pong" };

/** Reads a frame, or nothing where it is none. */
export function decode(text: unknown): Inbound | null {
  try {
    const frame = JSON.parse(String(text)) as Inbound | null;
    return typeof frame?.type === "string" ? frame : null;
  } catch {
    return null;
  }
}

/** Half a surrogate pair would be escaped, and the gateway closes on what isn't UTF-8: it becomes U+FFFD. */
export function encode(frame: Outbound): string {
  return JSON.stringify(frame, (_, value: unknown) =>
    typeof value === "string" ? value.replace(/\p{Cs}/gu, "\ufffd") : value,
  );
}
