// Where a conversation stands, by what the gateway has said of it. Forgotten as a whole.

import type { Authenticated, Entered, Inbound } from "./frames.ts";
import type { Authentication, ChatState } from "./types.ts";

export class Standing implements Omit<ChatState, "connection" | "waiting"> {
  /** None before this tab was in one. */
  conversation: string | null = null;
  /** Empty where there is no way back, except for its customer. */
  resume_token = "";
  authentication: Authentication | null = null;
  was_authenticated = false;
  queue: string | null = null;
  agent: string | null = null;
  limits: ChatState["limits"] = null;
  /** The greatest seen: what to resume from. */
  sequence = 0;
  /** It has ended. */
  over = false;
  /** Up to here it was so before this tab came. */
  #past = 0;
  /** Up to here it was so before this socket came, and `resumed` has told how it came out. */
  #replayed = 0;

  get signedIn(): boolean {
    return this.authentication?.status === "authenticated";
  }

  /** A socket is in it. */
  enter(frame: Entered): void {
    const { type, sequence, authentication, agent = null } = frame;
    if (!this.conversation) this.#past = sequence;
    if (type === "started") this.sequence = sequence;
    this.#replayed = sequence;
    this.agent = agent;
    ({ conversation: this.conversation, resume_token: this.resume_token } = frame);
    ({ queue: this.queue, limits: this.limits } = frame);
    this.#stands(authentication);
  }

  /**
   * Whether a frame is news, or of the past, or known already: while two sockets overlap, each brings what the other
   * has brought. Each in rising order, so that what is not greater than the greatest is known.
   */
  admits(frame: Inbound): "news" | "past" | "known" {
    const { type, sequence = 0 } = frame as { type: Inbound["type"]; sequence?: number };
    const known = sequence <= this.sequence;
    if (!known) this.sequence = sequence;
    // Others have none, or answer this very socket with whatever sequence.
    const told = ["message", "read", "assigned", "authentication_requested", "ended"].includes(type);
    if (!told && !(type === "authentication" && (frame as Authenticated).reason !== "unchanged")) return "news";
    return known ? "known" : sequence <= this.#past ? "past" : "news";
  }

  /** Takes over what the authentication is now; a replayed frame tells what it was. Whether it is a change. */
  authenticated({ authentication, reason, sequence }: Authenticated): boolean {
    const now = reason === "unchanged" || sequence > this.#replayed;
    if (now) this.#stands(authentication);
    this.was_authenticated ||= authentication.status === "authenticated";
    return now;
  }

  #stands(authentication: Authentication): void {
    this.authentication = authentication;
    this.was_authenticated ||= this.signedIn;
  }
}
