// The panel's head: who one talks to, how the line is, who the customer is taken for, and what else can be done.

import type { Words } from "../texts/index.ts";
import { DOWN, MORE, SHIELD, button, el, icon, label, say, set } from "./dom.ts";
import type { Deed, Offer, View } from "./view.ts";

export interface Header {
  readonly element: HTMLElement;
  draw(title: string, view: View): void;
  /** Whether there was a menu to be closed; the focus goes back to its button. */
  closeMenu(): boolean;
}

export function createHeader(words: Words, act: (deed: Deed) => void, minimize: () => void): Header {
  const face = el("span", { class: "face", "aria-hidden": "true" });
  const title = el("h2", { id: "title", dir: "auto" });
  const status = el("span");
  const mark = el("span", { class: "mark" });
  const menu = el("div", { class: "menu", id: "menu", hidden: true });
  const more = button({ "aria-controls": "menu" }, () => toggle(menu.hidden !== false), icon(MORE));
  const down = button({}, minimize, icon(DOWN));
  const who = el("div", { class: "who" }, title, el("p", {}, status, mark));
  const element = el("div", { class: "head" }, face, who, more, down, menu);
  let offers: Offer[] = [];

  function closeMenu(): boolean {
    const open = !menu.hidden;
    toggle(false);
    if (open) more.focus();
    return open;
  }

  function toggle(open: boolean): void {
    menu.hidden = !open;
    set(more, "aria-expanded", `${open}`);
    if (!open) return;
    menu.replaceChildren(
      ...offers.map(({ label, deed }) => {
        const run = (): void => {
          closeMenu();
          act(deed);
        };
        return button({}, run, words.say(label));
      }),
    );
    menu.querySelector("button")?.focus();
  }

  // Whoever goes on elsewhere is done with the menu.
  element.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget instanceof Node && !element.contains(relatedTarget)) toggle(false);
  });

  return {
    element,
    closeMenu,
    draw(name, view) {
      say(face, [...name][0]?.toUpperCase() ?? "");
      say(title, name);
      say(status, view.status ? words.say(view.status) : "");
      mark.hidden = !view.signedIn;
      label(mark, SHIELD, words.say("signedIn"));
      set(down, "aria-label", words.say("minimize"));
      set(more, "aria-label", words.say("menu"));
      offers = view.menu;
      more.hidden = offers.length === 0;
      if (more.hidden || menu.hidden) toggle(false);
    },
  };
}
