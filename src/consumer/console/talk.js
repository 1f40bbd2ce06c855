// The conversation that is open: what was said, answering, who types, and what has been read.

import { kindOf } from "./conversations.js";
import { $, say } from "./dom.js";
import { Log } from "./log.js";
import { Outbox } from "./outbox.js";

const TYPING_EVERY_MS = 3000;
const TYPING_SHOWN_MS = 5000;
const READ_AFTER_MS = 300;

export class Talk {
  #api;
  #session;
  #conversations;
  #showFault;
  #log;
  #outbox;
  #id = null;
  #reading = 0;
  #saidRead = "";
  #typed = 0;
  #typing = 0;

  /**
   * @param attempt does something, and shows why where it fails
   * @param showFault shows what failed by itself
   */
  constructor(api, session, conversations, attempt, showFault) {
    this.#api = api;
    this.#session = session;
    this.#conversations = conversations;
    this.#showFault = showFault;
    this.#log = new Log(api, {
      shown: (events) => {
        for (const { data } of events)
          if (data.id !== undefined) this.#outbox.stored(this.#id, data.id);
        this.#readSoon();
      },
    });
    this.#outbox = new Outbox(api, {
      takenBack: (text) => this.#takeBack(text),
    });
    $("compose").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    $("text").addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#send();
    });
    $("text").addEventListener("input", () => this.#tellTyping());
    $("earlier").addEventListener("click", () =>
      attempt(() => this.#log.earlier()),
    );
    document.addEventListener("visibilitychange", () => this.#readSoon());
  }

  /** Whether an answer isn't stored yet. */
  get isWaiting() {
    return this.#outbox.isWaiting;
  }

  /** Shows this conversation from now on, or none. What was being written stays. */
  clear(id) {
    this.#id = id;
    this.#log.clear();
    this.#outbox.show(id);
    this.#showTyping(false);
  }

  /** Shows what was said in the conversation. Throws a `Problem`. */
  open(item) {
    return this.#log.open(item);
  }

  /** Reads what was missed. Throws a `Problem`. */
  catchUp() {
    return this.#log.catchUp();
  }

  /** Takes an event of the conversation that is open. */
  event(event) {
    const isCustomers = event.data.from === "customer";
    if (kindOf(event) !== "typing")
      this.#log.take(event).catch(this.#showFault);
    if (isCustomers) this.#showTyping(kindOf(event) === "typing");
  }

  render(item) {
    const mayAnswer =
      item.status === "open" && this.#session.may("conversations:write");
    $("text").disabled = $("send").disabled = !mayAnswer;
    const why =
      item.status === "ended"
        ? "The conversation has ended."
        : "This key may not answer.";
    $("text").placeholder = mayAnswer ? "Write an answer" : why;
  }

  #send() {
    const text = $("text").value.trim();
    if (text === "" || $("text").disabled) return;
    this.#outbox.send(this.#id, text, $("name").value.trim() || "Agent");
    $("text").value = "";
    this.#log.toTheEnd();
  }

  #takeBack(text) {
    if ($("text").value.trim() === "") $("text").value = text;
    $("text").focus();
  }

  #tellTyping() {
    if (
      !this.#id ||
      $("text").value.trim() === "" ||
      Date.now() - this.#typed < TYPING_EVERY_MS
    )
      return;
    this.#typed = Date.now();
    this.#api
      .call("POST", `/v1/conversations/${this.#id}/typing`, {})
      .catch(() => {});
  }

  #showTyping(isTyping) {
    clearTimeout(this.#typing);
    say($("typing"), isTyping ? "The customer is typing …" : "");
    if (isTyping)
      this.#typing = setTimeout(() => say($("typing"), ""), TYPING_SHOWN_MS);
  }

  /** A customer's message that is on the screen is read; many that come at once are told as one. */
  #readSoon() {
    clearTimeout(this.#reading);
    this.#reading = setTimeout(() => this.#read(), READ_AFTER_MS);
  }

  #read() {
    const item = this.#conversations.get(this.#id);
    if (document.hidden || !item) return;
    this.#conversations.seen(item.id);
    const upTo = this.#log.unread;
    const what = `${item.id}/${upTo}`;
    const mayTell =
      item.status === "open" && this.#session.may("conversations:write");
    if (upTo === 0 || what === this.#saidRead || !mayTell) return;
    this.#saidRead = what;
    // Who reads on is not held up by it; the next message tells it again.
    this.#api
      .call("POST", `/v1/conversations/${item.id}/read`, { up_to: upTo })
      .catch(() => (this.#saidRead = ""));
  }
}
