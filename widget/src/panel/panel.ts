// The panel on the page: a button in its corner, and the conversation. What it shows follows from the chat's state and
// its log; it is drawn at most once in a frame.

import type { Chat, ChatError, Settings } from "../sdk/types.ts";
import type { TextName, Words } from "../texts/index.ts";
import type { PanelState } from "./api.ts";
import { createBars } from "./bars.ts";
import { createComposer } from "./composer.ts";
import { CHAT, button, el, icon, say, set } from "./dom.ts";
import { createFrame, type Corner } from "./frame.ts";
import { createHeader } from "./header.ts";
import { Log } from "./log.ts";
import { createRows } from "./rows.ts";
import { createScroller } from "./scroller.ts";
import { download, transcript } from "./transcript.ts";
import { isAboutSignIn, told, view, type Deed, type Standing } from "./view.ts";

/** An agent who hasn't gone on typing for so long has stopped, in milliseconds. */
const TYPING_MS = 6000;
/** The protocol's, before the gateway has told its own. */
const MESSAGE_CHARACTERS = 6000;

export interface PanelOptions extends Corner {
  /** Whether there is a button; else the page has one of its own, which calls `open`. */
  button: boolean;
  /** Takes up the conversation or begins one. */
  start(): Promise<void>;
  /** Tells the page. */
  changed(state: PanelState, unread: number): void;
}

export interface Panel {
  readonly state: PanelState;
  readonly unread: number;
  /** Stands in the page, once there is one. */
  mount(): void;
  open(): void;
  minimize(): void;
  close(): void;
  /** Says everything anew. */
  relabel(): void;
}

export function createPanel(chat: Chat, words: Words, options: PanelOptions): Panel {
  const log = new Log();
  const header = createHeader(words, act, minimize);
  const bars = createBars(words, act);
  const rows = createRows(
    words,
    (id) => chat.retry(id),
    () => act("signIn"),
  );
  const scroller = createScroller(words, rows.element, changed);
  const composer = createComposer(words, {
    send(text) {
      notice = null;
      scroller.toEnd();
      chat.send(text);
    },
    typing: () => chat.typing(),
    tooLong: () => tell("tooLong", true),
  });
  const badge = el("span", { class: "badge", "aria-hidden": "true" });
  const launcher = button({ class: "launcher", "aria-haspopup": "dialog" }, open, icon(CHAT), badge);
  const parts = [header.element, bars.element, scroller.element, bars.foot, composer.element];
  const frame = createFrame(launcher, parts, options, words.language);
  let state: PanelState = "minimized";
  let settings: Settings | undefined;
  let notice: Standing["notice"] = null;
  let gate = false;
  let asking = false;
  let signingIn = false;
  let dismissed = false;
  let due = false;
  let counted = "minimized 0";
  let typing = 0;

  const deeds: Record<Deed, () => void> = {
    signIn: () => void signIn(),
    signOut: () => chat.signOut(),
    ask: () => ask(true),
    cancel: () => ask(false),
    end() {
      chat.end();
      ask(false);
    },
    fresh() {
      chat.leave();
      start();
    },
    retry: start,
    dismiss: () => (notice = null),
    hide: () => (dismissed = true),
    transcript() {
      const day = new Date().toISOString().slice(0, 10);
      download(`chat-${day}.txt`, transcript(title(), log.rows(), words));
    },
  };

  function act(deed: Deed): void {
    deeds[deed]();
    changed();
  }

  function open(): void {
    frame.mount();
    if (state !== "open") {
      frame.remember();
      become("open");
      scroller.toEnd();
      // A panel that opens by itself takes nobody's focus away.
      if (navigator.userActivation?.isActive ?? true) focus();
    }
    start();
  }

  function minimize(): void {
    leave("minimized");
  }

  function leave(next: PanelState): void {
    const focused = frame.hasFocus();
    become(next);
    if (focused) frame.giveBack();
  }

  function become(next: PanelState): void {
    if (state !== next) rows.hush();
    state = next;
    asking = false;
    draw();
  }

  function start(): void {
    notice = null;
    // Without them there is no name, and that is all.
    if (!settings)
      chat.settings().then(
        (known) => ((settings = known), changed()),
        () => undefined,
      );
    options.start().catch((error: ChatError) => failed(error, true));
  }

  function failed({ code, in_reply_to }: ChatError, first = in_reply_to === "start" || in_reply_to === "resume"): void {
    if (first && isAboutSignIn(code)) gate = true;
    notice = told(code) ?? notice;
    changed();
  }

  function tell(text: TextName, bad = false): void {
    notice = { text, bad };
    changed();
  }

  async function signIn(): Promise<void> {
    if (signingIn) return;
    signingIn = true;
    notice = null;
    const done = await chat.signIn().catch(() => false);
    signingIn = false;
    // Another customer's sign-in has been told already.
    if (!done) notice ??= { text: "noSignIn", bad: true };
    else if (gate) start();
    changed();
  }

  function ask(whether: boolean): void {
    asking = whether;
    draw();
    focus();
  }

  function types(whether: boolean): void {
    clearTimeout(typing);
    if (whether) typing = window.setTimeout(types, TYPING_MS, false);
    scroller.types(whether ? words.say("typing", { name: chat.getState().agent ?? undefined }) : "");
  }

  function changed(): void {
    if (due) return;
    due = true;
    // There are no frames where nobody looks.
    if (document.hidden) setTimeout(draw);
    else requestAnimationFrame(draw);
  }

  function focus(): void {
    // A keyboard on the screen hides half of what there is to read.
    const place = matchMedia("(pointer:coarse)").matches ? frame.dialog : composer.field;
    (bars.foot.hidden ? place : bars.foot.querySelector("button"))?.focus();
  }

  function title(): string {
    return chat.getState().agent ?? (settings?.name || words.say("title"));
  }

  function draw(): void {
    due = false;
    const focused = frame.hasFocus();
    const now = chat.getState();
    const standing = { state: now, settings, notice, gate, asking, signingIn, dismissed };
    const shown = view({ ...standing, logged: !log.empty, kept: chat.hasConversation() });
    launcher.hidden = state !== "minimized" || !options.button;
    frame.show(state === "open");
    header.draw(title(), shown);
    bars.draw(shown.bars, shown.question);
    composer.element.hidden = shown.question !== null;
    composer.draw(now.limits?.message_characters ?? MESSAGE_CHARACTERS);
    rows.element.hidden = gate;
    rows.draw(log.rows(), shown.offersSignIn);
    scroller.draw(state === "open");
    const looks = state === "open" && !gate && !document.hidden && scroller.atEnd();
    if (looks && log.see(log.newest)) chat.read(log.newest);
    count();
    // The browser asks before it leaves while something isn't stored, and only then.
    (now.waiting > 0 ? addEventListener : removeEventListener)("beforeunload", keep);
    if (state === "open" && focused && !frame.hasFocus()) focus();
  }

  /** What is unread, on the buttons and to the page. */
  function count(): void {
    const { unread } = log;
    const text = unread > 0 ? words.say("unread", { n: unread }) : "";
    say(badge, unread > 0 ? `${unread}` : "");
    set(launcher, "aria-label", [words.say("open"), text].filter(Boolean).join(", "));
    scroller.news(text);
    const as = `${state} ${unread}`;
    if (as === counted) return;
    counted = as;
    if (state === "minimized") frame.tell(text);
    options.changed(state, unread);
  }

  const hear: Chat["on"] = (name, listener) => {
    return chat.on(name, (detail) => {
      if ("past" in detail && detail.past) rows.hush();
      listener(detail);
      changed();
    });
  };
  hear("started", (detail) => {
    gate = false;
    if (notice?.bad) notice = null;
    log.started(detail);
  });
  hear("message", (detail) => {
    log.message(detail);
    if (detail.from !== "customer") types(false);
    if (detail.delivery === "failed") frame.tell(words.say("failed"));
  });
  hear("typing", ({ from }) => types(from !== "customer"));
  hear("read", (detail) => log.read(detail));
  hear("assigned", (detail) => log.assigned(detail));
  hear("authentication", (detail) => {
    log.authentication(detail);
    if (detail.authentication.status === "authenticated") dismissed = false;
  });
  hear("authentication-requested", (detail) => log.requested(detail));
  hear("ended", (detail) => {
    log.ended(detail);
    types(false);
  });
  hear("connection", () => undefined);
  hear("error", (error) => failed(error));
  hear("cleared", ({ reason }) => {
    log.clear();
    composer.clear();
    gate = asking = dismissed = false;
    notice = null;
    types(false);
    if (reason === "signed_out") tell("signedOut");
    if (reason !== "customer_changed") return;
    if (state === "open") start();
    tell("changed");
  });
  frame.dialog.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing) return;
    event.preventDefault();
    if (header.closeMenu()) return;
    if (asking) ask(false);
    else minimize();
  });
  document.addEventListener("visibilitychange", changed);
  draw();

  return {
    get state() {
      return state;
    },
    get unread() {
      return log.unread;
    },
    mount: frame.mount,
    open,
    minimize,
    close() {
      leave("closed");
      chat.disconnect();
    },
    relabel() {
      rows.forget();
      draw();
    },
  };
}

const keep = (event: Event): void => event.preventDefault();
