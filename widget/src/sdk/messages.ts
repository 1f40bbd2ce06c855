// The messages of a conversation: what came, and what is still to be stored. A message of the customer keeps its id
// for ever, so that sending it again stores it once.

import { fault } from "./fault.ts";
import type { Said } from "./frames.ts";
import type { ChatError, Message } from "./types.ts";

export type Own = Message & { id: string };

export interface Messages {
  /** In the order of the conversation; those that aren't stored are last. */
  list(): Message[];
  waiting(): Own[];
  /** A new one of the customer's: waits, or has failed already where the gateway would close on it. */
  write(id: string, text: string, at: string, most: number): Own;
  /** It is stored. Nothing where it was known to be. */
  accepted(id: string, stored: Partial<Message>): Message | null;
  /** It won't be stored as it is. */
  refused(id: string, error: ChatError): Message | null;
  /** Waits anew, under the same id. */
  again(id: string): Message | null;
  /** One that the gateway tells of; this tab's own may be among them. Nothing where it was known. */
  heard(said: Said): Message | null;
  /** Forgets all, or all but those that wait. */
  clear(keepWaiting: boolean): void;
}

export function createMessages(): Messages {
  let all: Message[] = [];

  const own = (id?: string) => all.find((message) => id && message.id === id && message.from === "customer");
  const waiting = () => all.filter((message): message is Own => message.delivery === "waiting");
  const place = ({ sequence }: Message) => sequence ?? Number.MAX_VALUE;
  const put = (old: Message, { error: _, ...changed }: Message, error?: ChatError) =>
    (all[all.indexOf(old)] = error ? { ...changed, error } : changed);
  const accepted = (id: string, stored: Partial<Message>) => {
    const old = own(id);
    return old && old.sequence === undefined ? put(old, { ...old, ...stored, delivery: "sent" }) : null;
  };

  return {
    list: () => [...all].sort((one, other) => place(one) - place(other)),
    waiting,
    write(id, text, at, most) {
      const error = !text.trim()
        ? fault("bad_frame", "The message is empty.", "Write something.")
        : [...text].length > most
          ? fault("message_too_long", `The message is longer than ${most} characters.`, "Shorten it.")
          : null;
      const message: Own = { id, at, from: "customer", text, delivery: "waiting" };
      const written: Own = error ? { ...message, delivery: "failed", error } : message;
      all.push(written);
      return written;
    },
    accepted,
    refused(id, error) {
      const old = own(id);
      return old?.delivery === "waiting" ? put(old, { ...old, delivery: "failed" }, error) : null;
    },
    again(id) {
      const old = own(id);
      return old?.delivery === "failed" ? put(old, { ...old, delivery: "waiting" }) : null;
    },
    heard({ type: _, ...said }) {
      const customers = said.from === "customer";
      if (customers && said.id && own(said.id)) return accepted(said.id, said);
      const message: Message = { ...said, delivery: customers ? "sent" : "received" };
      all.push(message);
      return message;
    },
    clear(keepWaiting) {
      all = keepWaiting ? waiting() : [];
    },
  };
}
