// Where the customer writes: Enter sends, with Shift it begins a line, and an input method keeps its own Enter.

import type { Words } from "../texts/index.ts";
import { SEND, button, el, icon, say, set } from "./dom.ts";

/** What is left is told from here on, as a part of the limit. */
const TOLD_FROM = 0.9;

export interface ComposerActions {
  send(text: string): void;
  typing(): void;
  /** It was to be sent, and is too long. */
  tooLong(): void;
}

export interface Composer {
  readonly element: HTMLElement;
  readonly field: HTMLTextAreaElement;
  /** @param limit in characters */
  draw(limit: number): void;
  clear(): void;
}

/** Characters as the gateway counts them: Unicode scalar values. */
export const characters = (text: string): number => [...text].length;

export function createComposer(words: Words, actions: ComposerActions): Composer {
  const field = el("textarea", { dir: "auto", enterkeyhint: "send", "aria-describedby": "count" });
  const count = el("small", { id: "count" });
  const send = button({ class: "send" }, submit, icon(SEND));
  const written = (): string => field.value.trim();
  let limit = 0;

  function submit(): void {
    const text = written();
    field.focus();
    if (text === "") return;
    if (characters(text) > limit) return actions.tooLong();
    actions.send(text);
    clear();
  }

  function clear(): void {
    field.value = "";
    measure();
  }

  function measure(): void {
    const length = characters(written());
    const number = (value: number): string => value.toLocaleString(words.tag);
    set(field, "aria-invalid", length > limit && "true");
    // Where the browser doesn't let the field grow by itself.
    set(field, "rows", Math.min(5, field.value.split("\n").length));
    set(send, "aria-disabled", length === 0 && "true");
    say(count, length > limit * TOLD_FROM ? `${number(length)} / ${number(limit)}` : "");
  }

  field.addEventListener("keydown", (event) => {
    // Safari tells the Enter that ends a composition after its end, with the code of all such keys.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    submit();
  });
  field.addEventListener("input", () => {
    measure();
    if (written() !== "") actions.typing();
  });

  return {
    element: el("div", { class: "composer" }, field, count, send),
    field,
    clear,
    draw(most) {
      limit = most;
      set(field, "placeholder", words.say("write"));
      set(field, "aria-label", words.say("write"));
      set(send, "aria-label", words.say("send"));
      measure();
    },
  };
}
