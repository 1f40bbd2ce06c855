// What the page's script tag runs: reads its data attributes, makes the chat and its panel, and tells the page.

import { dynamics365 } from "./compat/dynamics365.ts";
import { CHAT_EVENTS, type UsherApi, type UsherEventName, type UsherEvents } from "./panel/api.ts";
import { createPanel } from "./panel/panel.ts";
import { createChat } from "./index.ts";
import type { Chat } from "./sdk/types.ts";
import { Words } from "./texts/index.ts";

function tell<Name extends UsherEventName>(name: Name, detail: UsherEvents[Name]): void {
  window.dispatchEvent(new CustomEvent(`usher:${name}`, { detail }));
}

/** Once the page's own scripts have run, those after this one too; then in a task of its own. */
function afterThePage(): Promise<void> {
  return new Promise((resolve) => {
    const soon = (): unknown => setTimeout(resolve);
    if (document.readyState === "complete") soon();
    // Where this script came late, the first has been already.
    for (const name of ["DOMContentLoaded", "load"]) window.addEventListener(name, soon);
  });
}

/** The methods of the chat that the page has as they are. */
function bound<Name extends keyof Chat>(chat: Chat, names: readonly Name[]): Pick<Chat, Name> {
  return Object.fromEntries(names.map((name) => [name, chat[name].bind(chat)])) as Pick<Chat, Name>;
}

function begin({ src, dataset }: HTMLScriptElement): void {
  const { tenant, widget, gateway, locale, compatibility, position, open, launcher } = dataset;
  if (!tenant || !widget) {
    console.error("usher: the script tag says no data-tenant or no data-widget: add both, as the gateway names them");
    return;
  }
  const page = document.documentElement;
  const words = new Words(locale, [page.lang, ...navigator.languages]);
  const chat = createChat({ gateway: gateway || new URL(src).origin, tenant, widget, locale: words.tag });
  const ready = afterThePage();
  // The page sets its providers when it hears of it: nothing asks for a token before.
  const start = (): Promise<void> => settled.then(() => chat.start());
  const panel = createPanel(chat, words, {
    side: position === "left" || position === "right" ? position : null,
    button: launcher !== "none",
    rightToLeft: locale ? words.rightToLeft : getComputedStyle(page).direction === "rtl",
    start,
    changed: (state, unread) => tell("panel", { state, unread }),
  });
  const usher: UsherApi = {
    ready,
    open: panel.open,
    minimize: panel.minimize,
    close: panel.close,
    ...bound(chat, ["send", "end", "signIn", "signOut", "setContext"]),
    ...bound(chat, ["setAuthTokenProvider", "getAuthTokenProvider", "setContextProvider", "getContextProvider"]),
    getState: () => ({ ...chat.getState(), panel: panel.state, unread: panel.unread }),
    setTexts(texts) {
      words.override(texts);
      panel.relabel();
    },
    on(name, listener) {
      const heard = (event: Event): void => listener((event as CustomEvent).detail);
      window.addEventListener(`usher:${name}`, heard);
      return () => window.removeEventListener(`usher:${name}`, heard);
    },
  };
  window.Usher = usher;
  for (const name of CHAT_EVENTS) chat.on(name, (detail) => tell(name, detail));
  if (compatibility === "dynamics365") dynamics365(chat, usher);
  panel.mount();
  const settled = ready.then(() => {
    panel.mount();
    tell("ready", { tenant, widget });
    return new Promise((next) => setTimeout(next));
  });
  if (open !== undefined) void ready.then(panel.open);
  // A refusal is told by an event.
  else if (chat.hasConversation()) start().catch(() => undefined);
}

const script =
  document.currentScript instanceof HTMLScriptElement
    ? document.currentScript
    : document.querySelector<HTMLScriptElement>("script[data-tenant][data-widget]");
// A second inclusion finds everything there.
if (script && !window.Usher?.ready) begin(script);
