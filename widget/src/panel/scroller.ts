// The log's window: it follows what comes while the customer is at the end, and doesn't move under who reads above.

import type { Words } from "../texts/index.ts";
import { DOWN, button, el, label, say, set } from "./dom.ts";

/** So near to the end counts as there, in pixels. */
const NEAR_END = 48;

export interface Scroller {
  readonly element: HTMLElement;
  atEnd(): boolean;
  toEnd(): void;
  /** @param shown whether it is seen: where it isn't, the page isn't laid out for it */
  draw(shown: boolean): void;
  /** Somebody does, or nobody where it is empty. */
  types(text: string): void;
  /** What came while the customer read above. */
  news(text: string): void;
}

export function createScroller(words: Words, rows: HTMLElement, changed: () => void): Scroller {
  const greeting = el("p", { class: "greeting" });
  const dots = el("span", { class: "dots", hidden: true }, el("i"), el("i"), el("i"));
  const typing = el("span", { class: "unseen", role: "status" });
  const pane = el("div", { class: "scroller", tabindex: 0, role: "region" }, greeting, rows, dots, typing);
  const jump = button({ class: "jump" }, () => {
    toEnd();
    changed();
  });
  let atEnd = true;
  let shown = false;

  function follow(): void {
    if (atEnd && shown) pane.scrollTop = pane.scrollHeight;
  }

  function toEnd(): void {
    atEnd = true;
    follow();
  }

  pane.addEventListener("scroll", () => {
    const was = atEnd;
    atEnd = pane.scrollHeight - pane.scrollTop - pane.clientHeight < NEAR_END;
    if (was !== atEnd) changed();
  });
  new ResizeObserver(follow).observe(pane);

  return {
    element: el("div", { class: "log" }, pane, jump),
    atEnd: () => atEnd,
    toEnd,
    draw(isShown) {
      shown = isShown;
      for (const part of [pane, rows]) set(part, "aria-label", words.say("title"));
      say(greeting, words.say("greeting"));
      follow();
    },
    types(text) {
      dots.hidden = text === "";
      say(typing, text);
      follow();
    },
    news(text) {
      jump.hidden = atEnd || text === "";
      label(jump, DOWN, text);
    },
  };
}
