// The chat's log as rows, in the conversation's order: what was said, what happened, and the days between. It knows
// nothing of the page: what it is told are the chat's events, and what it gives is to be drawn.

import type { ChatEvents, Message } from "../sdk/types.ts";

/** Messages of one author within this time stand as one group, in milliseconds. */
const GROUP_MS = 5 * 60_000;

/** What happened, by the name of its text. */
export type NoteName = "joined" | "queued" | "signedIn" | "downgraded" | "asked" | "ended" | "older";

export interface DayRow {
  kind: "day";
  key: string;
  at: string;
}
export interface NoteRow {
  kind: "note";
  key: string;
  what: NoteName;
  /** The agent. */
  name?: string | undefined;
  /** What the agent said to it. */
  text?: string | undefined;
}
export interface MessageRow {
  kind: "message";
  key: string;
  message: Message;
  /** The first of its author's, and the last: the name stands over the one, the time under the other. */
  first: boolean;
  last: boolean;
  /** An agent has seen it. */
  read: boolean;
}
export type Row = DayRow | NoteRow | MessageRow;

interface Entry {
  key: string;
  /** Those that have none wait, and are last. */
  sequence: number;
  message?: Message;
  note?: Omit<NoteRow, "kind" | "key">;
}

export class Log {
  #entries: Entry[] = [];
  #agent: string | undefined;
  #readByAgent = 0;
  #seen = 0;

  get empty(): boolean {
    return this.#entries.length === 0;
  }

  /** The sequence of the newest message that isn't the customer's. */
  get newest(): number {
    return Math.max(0, ...this.#entries.filter(isIncoming).map(({ sequence }) => sequence));
  }

  /** How many messages to the customer haven't been seen. */
  get unread(): number {
    return this.#entries.filter((entry) => isIncoming(entry) && entry.sequence > this.#seen).length;
  }

  clear(): void {
    this.#entries = [];
    this.#agent = undefined;
    this.#readByAgent = this.#seen = 0;
  }

  /** The customer has seen everything up to here. Whether that is news. */
  see(sequence: number): boolean {
    const news = sequence > this.#seen;
    if (news) this.#seen = sequence;
    return news;
  }

  started({ agent, truncated, replayed }: ChatEvents["started"]): void {
    // What is replayed tells who joined, and when.
    if (replayed === 0) this.#agent = agent;
    if (truncated && this.empty) this.#place({ key: "older", sequence: 0, note: { what: "older" } });
  }

  /** New, or the same with another delivery. */
  message(message: Message): void {
    // The customer's own is known by its id before it has a sequence.
    const key = message.from === "customer" && message.id !== undefined ? `m${message.id}` : `s${message.sequence}`;
    this.#place({ key, sequence: message.sequence ?? Infinity, message });
  }

  assigned({ sequence, agent }: ChatEvents["assigned"]): void {
    if (agent === this.#agent) return;
    this.#agent = agent;
    this.#note(sequence, agent === undefined ? { what: "queued" } : { what: "joined", name: agent });
  }

  authentication({ sequence, authentication, reason }: ChatEvents["authentication"]): void {
    if (authentication.status === "anonymous") this.#note(sequence, { what: "downgraded" });
    else if (reason === "token_presented") this.#note(sequence, { what: "signedIn" });
  }

  requested({ sequence, message }: ChatEvents["authentication-requested"]): void {
    this.#note(sequence, { what: "asked", name: this.#agent, text: message });
  }

  ended({ sequence }: ChatEvents["ended"]): void {
    if (sequence !== undefined) this.#note(sequence, { what: "ended" });
  }

  read({ by, up_to }: ChatEvents["read"]): void {
    if (by === "customer") this.see(up_to);
    else this.#readByAgent = Math.max(this.#readByAgent, up_to);
  }

  rows(): Row[] {
    const rows: Row[] = [];
    let day = "";
    let above: MessageRow | undefined;
    for (const { key, sequence, message, note } of this.#entries) {
      if (message) {
        const today = new Date(message.at).toDateString();
        if (today !== day) {
          const mark: DayRow = { kind: "day", key: `d${key}`, at: message.at };
          // Notes have no time of their own: those before everything belong to the first day.
          if (day === "") rows.unshift(mark);
          else rows.push(mark);
          day = today;
          above = undefined;
        }
        const first = !above || !isOneGroup(above.message, message);
        if (above && !first) above.last = false;
        above = { kind: "message", key, message, first, last: true, read: sequence <= this.#readByAgent };
        rows.push(above);
      } else if (note) {
        rows.push({ kind: "note", key, ...note });
        above = undefined;
      }
    }
    return rows;
  }

  #note(sequence: number, note: Entry["note"] & {}): void {
    this.#place({ key: `n${sequence}`, sequence, note });
  }

  #place(entry: Entry): void {
    const at = this.#entries.findIndex(({ key }) => key === entry.key);
    // What is stored stays so: a late word of its way there doesn't undo it.
    const old = this.#entries[at];
    if (old && entry.sequence === Infinity && old.sequence !== Infinity) return;
    if (old?.sequence === entry.sequence) {
      this.#entries[at] = entry;
      return;
    }
    if (old) this.#entries.splice(at, 1);
    let place = this.#entries.length;
    while (place > 0 && (this.#entries[place - 1]?.sequence ?? 0) > entry.sequence) place--;
    this.#entries.splice(place, 0, entry);
  }
}

function isIncoming({ message }: Entry): boolean {
  return message !== undefined && message.from !== "customer";
}

function isOneGroup(above: Message, below: Message): boolean {
  return (
    above.from === below.from &&
    above.name === below.name &&
    above.authenticated === below.authenticated &&
    above.delivery === below.delivery &&
    Date.parse(below.at) - Date.parse(above.at) < GROUP_MS
  );
}
