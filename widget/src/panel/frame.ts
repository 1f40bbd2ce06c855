// Where the panel stands in the page: in a shadow root of its own, so that no style leaks either way, with a style
// sheet that a strict Content-Security-Policy allows.

import { el, say, set } from "./dom.ts";
import style from "./style.css";

export interface Corner {
  /** Whatever the direction of the text; else where a line ends. */
  side: "left" | "right" | null;
  rightToLeft: boolean;
}

export interface Frame {
  readonly dialog: HTMLElement;
  hasFocus(): boolean;
  /** Stands in the page, once it has a body. */
  mount(): void;
  show(open: boolean): void;
  /** Where the focus comes from, and that it goes back there: to the button where it came from nowhere. */
  remember(): void;
  giveBack(): void;
  /** Says it to those who don't see it. */
  tell(text: string): void;
}

export function createFrame(launcher: HTMLElement, parts: HTMLElement[], corner: Corner, lang: string): Frame {
  const host = el("div", { "data-usher": true });
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style);
  root.adoptedStyleSheets = [sheet];
  const dialog = el("div", { class: "panel", role: "dialog", "aria-labelledby": "title", tabindex: -1 }, ...parts);
  const status = el("div", { class: "unseen", role: "status" });
  const { side, rightToLeft } = corner;
  const whole = el("div", { class: `usher ${side ?? ""}`, dir: rightToLeft ? "rtl" : "ltr", lang }, launcher, dialog, status);
  root.append(whole);
  // The page's own shortcuts are none while somebody writes here.
  for (const type of ["keydown", "keyup", "keypress"]) {
    whole.addEventListener(type, (event) => event.stopPropagation());
  }
  let opener: Element | null = null;

  // Where it fills the screen, what lies under it can't be seen, and the focus doesn't go there.
  dialog.addEventListener("keydown", (event) => {
    if (event.key !== "Tab" || !matchMedia("(max-width:480px)").matches) return;
    const all = [...dialog.querySelectorAll<HTMLElement>("button,textarea,[tabindex='0']")];
    const seen = all.filter((each) => each.getClientRects().length > 0);
    if (event.shiftKey) seen.reverse();
    if (root.activeElement !== seen.at(-1)) return;
    event.preventDefault();
    seen[0]?.focus();
  });

  return {
    dialog,
    hasFocus: () => root.activeElement !== null,
    mount() {
      if (document.body && !host.isConnected) document.body.append(host);
    },
    show(open) {
      dialog.hidden = !open;
      set(host, "class", open && "open");
    },
    remember() {
      opener = document.activeElement;
    },
    giveBack() {
      launcher.focus();
      // Whatever isn't there any more takes no focus.
      if (opener !== host && opener instanceof HTMLElement) opener.focus();
    },
    tell: (text) => say(status, text),
  };
}
