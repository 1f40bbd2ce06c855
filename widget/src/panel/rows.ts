// Draws the log's rows, each in an element of its own that stays while the row does: so a screen reader hears what is
// new and nothing twice, and the focus stays on a button that is still there.

import type { Words } from "../texts/index.ts";
import { SHIELD, button, el, icon, say, set } from "./dom.ts";
import type { MessageRow, NoteRow, Row } from "./log.ts";

/** What is replayed isn't read out; after so long without more of it, what comes is new. In milliseconds. */
const HUSH_MS = 500;

export interface Rows {
  readonly element: HTMLElement;
  /** `offers`: the newest request to sign in waits for an answer. */
  draw(rows: readonly Row[], offers: boolean): void;
  /** What comes for a moment is no news. */
  hush(): void;
  /** Draws everything anew the next time: the words have changed. */
  forget(): void;
}

export function createRows(words: Words, retry: (id: string) => void, signIn: () => void): Rows {
  const element = el("div", { role: "log", class: "rows" });
  const drawn = new Map<string, { element: HTMLElement; as: string }>();
  let hushed = 0;

  function line(holder: HTMLElement, look: string, text: string): void {
    set(holder, "class", look);
    say(holder, text);
  }

  function note(holder: HTMLElement, { what, name, text }: NoteRow, offered: boolean): void {
    const said = words.say(what, { name });
    if (what !== "asked") return line(holder, "note", said);
    set(holder, "class", "card");
    holder.replaceChildren(icon(SHIELD), el("p", {}, said));
    if (text) holder.append(el("p", { class: "said", dir: "auto" }, text));
    if (offered) holder.append(button({ class: "main" }, signIn, words.say("signIn")));
  }

  function message(holder: HTMLElement, { message, first, last, read }: MessageRow): void {
    const { from, text, delivery, id = "" } = message;
    if (from === "system") return line(holder, "note", text);
    const mine = from === "customer";
    const looks = ["message", mine && "mine", first && "first", last && "last", delivery];
    set(holder, "class", looks.filter(Boolean).join(" "));
    // What becomes of a message is shown, but not read out each time.
    if (!holder.firstChild) holder.append(el("b"), el("p", { dir: "auto" }, text), el("small", { "aria-live": "off" }));
    const [author, , small] = holder.children;
    if (!author || !small) return;
    say(author, words.author(message));
    const unsent = delivery === "waiting" || delivery === "failed";
    const state = unsent ? delivery : read ? "read" : "sent";
    small.replaceChildren([!unsent && words.time(message.at), mine && words.say(state)].filter(Boolean).join(" · "));
    if (mine && message.authenticated) {
      small.prepend(el("span", { class: "mark", role: "img", "aria-label": words.say("signedIn") }, icon(SHIELD)));
    }
    if (delivery === "failed") small.append(button({ class: "text" }, () => retry(id), words.say("retry")));
  }

  function place(row: Row, offered: boolean): HTMLElement {
    let holder = drawn.get(row.key);
    if (!holder) drawn.set(row.key, (holder = { element: el("div"), as: "" }));
    const as = JSON.stringify([row, offered]);
    if (holder.as === as) return holder.element;
    holder.as = as;
    if (row.kind === "message") message(holder.element, row);
    else if (row.kind === "note") note(holder.element, row, offered);
    else line(holder.element, "day", words.day(row.at));
    return holder.element;
  }

  return {
    element,
    draw(rows, offers) {
      // Who has signed in after it has answered it.
      const asked = rows.filter((row) => row.kind === "note" && /asked|signedIn/.test(row.what)).at(-1);
      const gone = new Map(drawn);
      let next = element.firstElementChild;
      for (const row of rows) {
        gone.delete(row.key);
        const placed = place(row, offers && row === asked);
        if (placed === next) next = next.nextElementSibling;
        else element.insertBefore(placed, next);
      }
      for (const [key, holder] of gone) {
        holder.element.remove();
        drawn.delete(key);
      }
    },
    hush() {
      set(element, "aria-live", "off");
      clearTimeout(hushed);
      hushed = window.setTimeout(() => set(element, "aria-live", "polite"), HUSH_MS);
    },
    forget() {
      for (const holder of drawn.values()) holder.as = "";
    },
  };
}
