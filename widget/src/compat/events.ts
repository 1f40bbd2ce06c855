// What the page hears: the documented events, told from those of the chat.

import type { PanelState, UsherApi } from "../panel/api.ts";
import type { Chat, ChatError, ChatEvents } from "../sdk/types.ts";
import { lcwError } from "./errors.ts";

/** The same error within so long, in milliseconds, is one. */
export const REPEATED_MS = 10_000;

export function fire(name: string, detail?: object): void {
  window.dispatchEvent(new CustomEvent(`lcw:${name}`, detail && { detail }));
}

/** The documented payload: what kind of message came, never its text. */
function heard(messageType: "user" | "system", past: boolean, ...tags: string[]): void {
  fire(past ? "onHistoryMessageReceived" : "onMessageReceived", { channelData: { tags }, messageType });
}

/** One chat as the page hears it, which knows no reconnects: each thing is told once. */
export class Story {
  readonly #chat: Chat;
  readonly #usher: UsherApi;
  /** The conversation that the page knows of. */
  #conversation: string | null = null;
  /** Whether the page was told that the conversation, and that the widget, was closed. */
  #isClosed = true;
  #isShut = true;
  #state: PanelState;
  /** One is about to begin; the page has closed it already, and it is to be ended when it stands. */
  #isStarting = false;
  #isUnwanted = false;
  #agent: string | undefined;
  /** The last error, which is not told again until then, in milliseconds. */
  #told = "";
  #toldUntil = 0;
  /** Written in this tab, and not known to be stored. */
  readonly #waiting = new Set<string>();

  constructor(chat: Chat, usher: UsherApi) {
    this.#chat = chat;
    this.#usher = usher;
    this.#state = usher.getState().panel;
    usher.on("panel", ({ state }) => this.#panel(state));
    chat.on("started", (started) => this.#started(started));
    chat.on("message", (message) => this.#message(message));
    chat.on("assigned", ({ agent, past }) => this.#assigned(agent, past));
    // A page may close the chat, or begin another, as soon as it hears of it: by then this one has to be over.
    chat.on("ended", ({ by, past }) => queueMicrotask(() => this.#ended(by, past)));
    chat.on("cleared", () => this.#closed());
    chat.on("connection", ({ state }) => {
      if (state === "idle" || state === "ended") this.#isStarting = this.#isUnwanted = false;
    });
    chat.on("error", (error) => this.#error(error));
  }

  open(): void {
    this.#wanted();
    this.#usher.open();
  }

  /** Ends the conversation where one is under way, of which the page hears once it has ended. The button stays. */
  close(): void {
    // The page hears that it was closed, and not that it was minimised besides.
    if (this.#state === "open") this.#state = "minimized";
    this.#usher.minimize();
    if (this.#chat.hasConversation()) this.#usher.end();
    else if (this.#isStarting) this.#isUnwanted = true;
    else this.#closed();
  }

  #wanted(): void {
    this.#isStarting = !this.#chat.hasConversation();
    this.#isUnwanted = false;
  }

  #started({ conversation, resumed, agent }: ChatEvents["started"]): void {
    this.#agent = agent;
    if (conversation === this.#conversation) return;
    this.#conversation = conversation;
    this.#isClosed = this.#isShut = false;
    if (resumed) {
      fire("chatRetrieved");
    } else {
      fire("startChat");
      fire("chatQueued");
    }
    if (this.#isUnwanted) this.#usher.end();
    this.#isStarting = this.#isUnwanted = false;
  }

  #message({ id, sequence, from, delivery, past }: ChatEvents["message"]): void {
    if (from !== "customer") {
      if (from === "system") heard("system", past, "system");
      else heard("user", past, "public", `client_activity_id:${id ?? sequence}`);
    } else if (id !== undefined) {
      if (delivery === "waiting") this.#waiting.add(id);
      else if (delivery === "sent" && this.#waiting.delete(id)) fire("onMessageSent");
    }
  }

  /** usher knows one step where there were two: assigned is accepted. */
  #assigned(agent: string | undefined, past: boolean): void {
    if (agent !== undefined && agent !== this.#agent) {
      heard("system", past, "system", "agentassignmentready");
      heard("system", past, "system", "agentaccepted");
    }
    this.#agent = agent;
  }

  #ended(by: string, past: boolean): void {
    if (by === "customer") return this.#closed();
    heard("system", past, "system", by === "agent" ? "agentendconversation" : "primarysessionclosed");
    fire("threadUpdate");
  }

  /** A token that is refused is fetched anew and may be refused again: pages show what they hear. */
  #error(error: ChatError): void {
    const detail = lcwError(error);
    if (detail === undefined) return;
    const told = `${detail.reason} ${detail.errorDescription}`;
    if (told === this.#told && Date.now() < this.#toldUntil) return;
    this.#told = told;
    this.#toldUntil = Date.now() + REPEATED_MS;
    fire("error", detail);
  }

  /** Once for each conversation, however often and from wherever it is closed. */
  #closed(): void {
    this.#conversation = null;
    this.#agent = undefined;
    this.#waiting.clear();
    if (this.#isClosed) return;
    this.#isClosed = true;
    fire("closeChat");
    this.#shut();
  }

  /** Ending the chat is the customer's way of closing the widget; the panel itself may stay. */
  #shut(): void {
    if (this.#isShut) return;
    this.#isShut = true;
    fire("onClose");
  }

  /** The same state again tells of something unread. */
  #panel(state: PanelState): void {
    if (state === this.#state) return;
    this.#state = state;
    if (state === "closed") return this.#shut();
    if (state === "minimized") return fire("onMinimize");
    this.#isShut = false;
    this.#wanted();
    fire("onMaximize");
  }
}
