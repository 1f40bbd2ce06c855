// The chat's log: what was said, and what happened in plain words. Everything that comes from outside is set as text,
// never as markup.

import { clock, whyDowngraded, whyNotTaken } from "./words.js";

const verified = (yes) => (yes ? "sent signed in" : "sent without sign-in");

export class Log {
  #list;
  #called;
  #own = new Map(); // the customer's messages that this tab sent, by their id
  #agentReadUpTo = 0;

  /**
   * @param list the element
   * @param called a customer's name for a token's subject
   */
  constructor(list, called) {
    this.#list = list;
    this.#called = called;
  }

  clear() {
    this.#list.replaceChildren();
    this.#own.clear();
    this.#agentReadUpTo = 0;
  }

  /** Adds a line; a detail stands small beneath it. */
  note(text, kind = "", detail = "") {
    return this.#append(`note ${kind}`.trim(), text, detail);
  }

  /** After the layout: what changes around the log changes its height, too. */
  toTheEnd() {
    requestAnimationFrame(() => (this.#list.scrollTop = this.#list.scrollHeight));
  }

  /** Shows a frame of the gateway; those that say nothing to a customer are passed over. */
  frame(frame) {
    this.#shown[frame.type]?.(frame);
  }

  /** The agent asks to sign in; `customers` are offered until somebody is signed in. */
  asked({ message }, customers, signIn) {
    const item = this.note(message ? `The agent asks you to sign in: ${message}` : "The agent asks you to sign in");
    const offer = document.createElement("p");
    offer.className = "offer";
    for (const customer of customers) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = `Sign in as ${this.#called(customer)}`;
      button.addEventListener("click", () => signIn(customer));
      offer.append(button);
    }
    item.append(offer);
  }

  withdrawOffers() {
    for (const offer of this.#list.querySelectorAll(".offer")) offer.remove();
  }

  sending(id, text) {
    this.#own.set(id, this.#append("own pending", text, "sending …"));
  }

  /** `heldNow` is the state of the sign-in at this frame, which `accepted` doesn't bear. */
  accepted(id, { at, authenticated, sequence }, heldNow) {
    const item = this.#own.get(id);
    if (!item) return;
    item.className = "own";
    if (item !== this.#list.lastElementChild) this.#list.append(item); // the journal's order is the chat's
    item.querySelector("small").textContent = `${verified(authenticated ?? heldNow)} · ${clock(at)} · stored`;
    this.#numbered(item, sequence);
  }

  refused(id) {
    const item = this.#own.get(id);
    if (!item) return;
    item.className = "own failed";
    item.querySelector("small").textContent = "not sent";
  }

  #append(kind, text, detail) {
    const item = document.createElement("li");
    item.className = kind;
    const body = document.createElement("p");
    body.textContent = text;
    const small = document.createElement("small");
    small.textContent = detail;
    item.append(body, small);
    this.#list.append(item);
    this.toTheEnd();
    return item;
  }

  #context({ accepted, rejected }) {
    if (accepted.length > 0) this.note(`Variables taken: ${accepted.join(", ")}`);
    for (const { name, reason } of rejected) this.note(`Variable not taken: ${name} (${whyNotTaken(reason)})`, "warn");
  }

  #numbered(item, sequence) {
    item.dataset.sequence = sequence;
    if (sequence <= this.#agentReadUpTo) this.#mark(item);
  }

  #mark(item) {
    const small = item.querySelector("small");
    if (!item.dataset.read) small.textContent += " · read";
    item.dataset.read = "yes";
  }

  #shown = {
    started: ({ authentication, queue, context }) => {
      const who = authentication.status === "authenticated" ? ` as ${this.#called(authentication.subject)}` : "";
      this.note(`Chat begun${who}. Queue: ${queue}`);
      this.#context(context);
    },
    resumed: ({ truncated, context }) => {
      this.note(truncated ? "Chat taken up again (its newest part)" : "Chat taken up again");
      this.#context({ accepted: [], rejected: context.rejected });
    },
    authentication: ({ authentication, reason, context }) => {
      const { status, subject, expires_at } = authentication;
      if (status === "anonymous") {
        this.note(`The sign-in has ended (${whyDowngraded(reason)}): the chat goes on without sign-in`, "warn");
      } else if (reason === "unchanged") {
        this.note(`Nothing changed: no newer sign-in than the one until ${clock(expires_at)}`);
      } else if (reason === "token_refreshed") {
        this.note(`Sign-in renewed until ${clock(expires_at)}`, "good");
      } else {
        this.note(`Signed in as ${this.#called(subject)} until ${clock(expires_at)}`, "good");
        this.#context(context);
      }
    },
    context: ({ context }) => this.#context(context),
    message: ({ from, text, name, at, authenticated, sequence }) => {
      const own = from === "customer";
      const who = own ? verified(authenticated) : (name ?? from);
      const item = this.#append(own ? "own" : "other", text, `${who} · ${clock(at)}`);
      if (own) this.#numbered(item, sequence);
    },
    read: ({ by, up_to }) => {
      if (by === "customer") return;
      this.#agentReadUpTo = Math.max(this.#agentReadUpTo, up_to);
      for (const item of this.#list.querySelectorAll(".own[data-sequence]")) {
        if (Number(item.dataset.sequence) <= up_to) this.#mark(item);
      }
    },
    assigned: ({ queue, agent }) => {
      this.note(agent ? `${agent} takes over (queue ${queue})` : `You are in the queue ${queue}`);
    },
    ended: ({ by, reason }) => this.note(`The chat was ended by the ${by}${reason ? `: ${reason}` : ""}`),
    draining: () => this.note("The gateway stops for a moment; the chat comes back by itself"),
    error: ({ code, message, action }) => {
      this.note(`${message[0].toUpperCase()}${message.slice(1)}.`, "bad", `${action} · ${code}`);
    },
  };
}
