// The messages of a conversation: what came, and what is still to be stored. A message of the customer keeps its id
// for ever, so that sending it again stores it once.

import { fault } from "./fault.ts";
import type { Said } from "./frames.ts";
import type { ChatError, Message } from "./types.ts";

export type Own = Message & { id: string };

export class Messages {
  #all: Message[] = [];

  /** In the order of the conversation; those that aren't stored are last. */
  list(): Message[] {
    const place = ({ sequence }: Message) => sequence ?? Infinity;
    return [...this.#all].sort((one, other) => (place(one) < place(other) ? -1 : +(place(one) > place(other))));
  }

  waiting(): Own[] {
    return this.#all.filter((message): message is Own => message.delivery === "waiting");
  }

  /** A new one of the customer's: waits, or has failed already where the gateway would close on it. */
  write(id: string, text: string, at: string, most: number): Own {
    const own: Own = { id, at, from: "customer", text, delivery: "waiting" };
    const error = !text.trim()
      ? fault("bad_frame", "The message is empty.", "Write something.")
      : [...text].length > most
        ? fault("message_too_long", `The message is longer than ${most} characters.`, "Shorten it.")
        : null;
    this.#all.push(error ? { ...own, delivery: "failed", error } : own);
    return this.#all[this.#all.length - 1] as Own;
  }

  /** It is stored. Nothing where it was known to be. */
  accepted(id: string, stored: Partial<Message>): Message | null {
    const own = this.#own(id);
    return own && own.sequence === undefined ? this.#put(own, { ...stored, delivery: "sent" }) : null;
  }

  /** It won't be stored as it is. */
  refused(id: string, error: ChatError): Message | null {
    const own = this.#own(id);
    return own?.delivery === "waiting" ? this.#put(own, { delivery: "failed", error }) : null;
  }

  /** Waits anew, under the same id. */
  again(id: string): Message | null {
    const own = this.#own(id);
    return own?.delivery === "failed" ? this.#put(own, { delivery: "waiting" }) : null;
  }

  /** One that the gateway tells of; this tab's own may be among them. Nothing where it was known. */
  heard({ type: _, ...said }: Said): Message | null {
    const customers = said.from === "customer";
    if (customers && said.id && this.#own(said.id)) return this.accepted(said.id, said);
    const message: Message = { ...said, delivery: customers ? "sent" : "received" };
    this.#all.push(message);
    return message;
  }

  /** Forgets all, or all but those that wait. */
  clear(keepWaiting: boolean): void {
    this.#all = keepWaiting ? this.waiting() : [];
  }

  #own(id: string): Message | undefined {
    return this.#all.find((message) => message.id === id && message.from === "customer");
  }

  #put(old: Message, changes: Partial<Message>): Message {
    const { error: _, ...kept } = old;
    const message = { ...kept, ...changes };
    this.#all[this.#all.indexOf(old)] = message;
    return message;
  }
}
