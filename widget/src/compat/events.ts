// What the page hears: the documented events, told from those of the chat.

import type { Chat, ChatEvents } from "../sdk/types.ts";
import { lcwError } from "./errors.ts";

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
  /** The conversation that the page knows of. */
  #conversation: string | null = null;
  #isClosed = true;
  #agent: string | undefined;
  /** Written in this tab, and not known to be stored. */
  readonly #waiting = new Set<string>();

  constructor(chat: Chat) {
    this.#chat = chat;
    chat.on("started", (started) => this.#started(started));
    chat.on("message", (message) => this.#message(message));
    chat.on("assigned", ({ agent, past }) => this.#assigned(agent, past));
    chat.on("ended", ({ by, past }) => this.#ended(by, past));
    chat.on("cleared", () => this.#closed());
    chat.on("error", (error) => {
      const detail = lcwError(error);
      if (detail !== undefined) fire("error", detail);
    });
  }

  /** Ends the conversation where one is under way; the page hears of it once it has ended. */
  close(end: () => void): void {
    const { conversation, connection } = this.#chat.getState();
    if (conversation !== null && connection !== "ended") end();
    else this.#closed();
  }

  #started({ conversation, resumed, agent }: ChatEvents["started"]): void {
    this.#agent = agent;
    if (conversation === this.#conversation) return;
    this.#conversation = conversation;
    this.#isClosed = false;
    if (resumed) {
      fire("chatRetrieved");
    } else {
      fire("startChat");
      fire("chatQueued");
    }
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

  /** Once for each conversation, however often and from wherever it is closed. */
  #closed(): void {
    this.#conversation = null;
    this.#agent = undefined;
    this.#waiting.clear();
    if (this.#isClosed) return;
    this.#isClosed = true;
    fire("closeChat");
  }
}
