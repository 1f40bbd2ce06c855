// The other tabs and the other browser: links to them, and what happens to somebody who comes from there with
// another customer's secrets.

import { tryToEnter } from "./intruder.js";
import { Tabs } from "./tabs.js";

const $ = (id) => document.getElementById(id);

export class Neighbours {
  #chat;
  #about;
  #token;
  #other;

  /**
   * @param browsers {own, other}
   * @param about what `/demo.json` says
   * @param token asks the shop for a customer's token
   */
  constructor(browsers, chat, about, token) {
    this.#chat = chat;
    this.#about = about;
    this.#token = token;
    this.#other = new Tabs(browsers.other);
    $("browser").textContent = `Browser ${browsers.own}`;
    $("tab").href = `/?browser=${browsers.own}`;
    const customer = about.customers[Number(browsers.other) - 1];
    $("another").href = `/?browser=${browsers.other}&as=${customer.id}`;
    $("another").textContent = `Open another browser (as ${customer.name})`;
    $("enter").addEventListener("click", () => this.#enter());
    this.#other.onChange(() => this.render());
  }

  render() {
    const { owner, thief } = this.#roles();
    $("enter").disabled = !owner;
    $("enter").textContent = owner
      ? `Try to enter ${owner.name}'s chat with ${thief.name}'s token`
      : "Try to enter the other browser's chat";
    $("thief").textContent = owner
      ? `The other browser is in ${owner.name}'s chat. This takes its id and its secret, the resume_token, out of ` +
        `that browser, as a thief would, and tries them first without a token, then with ${thief.name}'s.`
      : "For this, somebody has to chat in the other browser and be signed in.";
  }

  /** Whose chat stands in the other browser, and who tries to enter it. */
  #roles() {
    const { customers } = this.#about;
    const kept = this.#other.get("chat");
    const owner = kept?.conversation ? customers.find(({ id }) => id === kept.customer) : undefined;
    const others = customers.filter((customer) => customer !== owner);
    return { kept, owner, thief: others.find(({ id }) => id === this.#chat.customer) ?? others[0] };
  }

  async #enter() {
    const { kept, owner, thief } = this.#roles();
    if (!owner) return;
    $("enter").disabled = true;
    $("answers").replaceChildren();
    try {
      const token = await this.#token(thief.id);
      const answers = await tryToEnter(this.#about.chat_url, kept, [token]);
      const tried = ["Without a token", `With ${thief.name}'s token`];
      answers.forEach((frame, at) => this.#answer(tried[at], frame));
      if (answers.every(({ type }) => type === "error")) {
        this.#say("note", `${owner.name}'s chat has not noticed, and nothing of it was shown.`);
      }
    } catch (error) {
      this.#say("note bad", `It could not be tried: ${error.message}`);
    }
    this.render();
  }

  #answer(tried, { type, code, message }) {
    if (type === "error") this.#say("note good", `${tried}: refused, ${code}. The gateway says: ${message}`);
    else this.#say("note bad", `${tried}: let in (${type}), which must not be`);
  }

  #say(kind, text) {
    const item = document.createElement("li");
    item.className = kind;
    item.textContent = text;
    $("answers").append(item);
  }
}
