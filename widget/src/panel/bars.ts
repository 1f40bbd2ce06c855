// What the customer should know now, between the head and the log, and the question that stands in the composer's
// place. Each is drawn anew only where it says something else, so that the focus stays on its buttons.

import type { Words } from "../texts/index.ts";
import { CLOSE, button, el, icon } from "./dom.ts";
import type { Bar, Deed, Offer, Question } from "./view.ts";

export interface Bars {
  readonly element: HTMLElement;
  readonly foot: HTMLElement;
  draw(bars: readonly Bar[], question: Question | null): void;
}

export function createBars(words: Words, act: (deed: Deed) => void): Bars {
  const element = el("div", { role: "status" });
  const foot = el("div", { class: "foot", role: "group" });
  let drawn = "";

  const offered = ({ label, deed }: Offer, look: string): HTMLElement => {
    return button({ class: look }, () => act(deed), words.say(label));
  };

  return {
    element,
    foot,
    draw(bars, question) {
      const texts = [...bars, ...(question ? [question] : [])].map(({ text }) => words.say(text));
      const as = JSON.stringify([bars, question, texts]);
      if (as === drawn) return;
      drawn = as;
      element.replaceChildren(
        ...bars.map(({ text, code, bad, offer, dismiss }) => {
          const said = words.say(text) + (code ? ` (${code})` : "");
          const bar = el("div", { class: bad ? "bar bad" : "bar" }, el("p", {}, said));
          if (offer) bar.append(offered(offer, "text"));
          if (dismiss) bar.append(button({ "aria-label": words.say("dismiss") }, () => act(dismiss), icon(CLOSE)));
          return bar;
        }),
      );
      foot.hidden = !question;
      if (!question) return;
      const text = words.say(question.text);
      foot.ariaLabel = text;
      const offers = question.offers.map((offer, index) => offered(offer, index > 0 ? "other" : "main"));
      foot.replaceChildren(el("p", {}, text), ...offers);
    },
  };
}
