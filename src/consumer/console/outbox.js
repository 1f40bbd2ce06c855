// What the agent has said and isn't known to be stored. Each message keeps its id, so that sending it again is safe.

import { Problem } from "./api.js";
import { $, arrange, button, element, randomId, say } from "./dom.js";

const FIRST_WAIT_MS = 500;
const MOST_WAIT_MS = 20_000;
const TRIES = 8;

export class Outbox {
  #api;
  #tell;
  #items = [];
  #shown = null; // the conversation that is open
  #sending = new Set(); // conversations of which a message is on its way: they are sent one after the other

  /** @param tell {takenBack(text)} */
  constructor(api, tell) {
    this.#api = api;
    this.#tell = tell;
  }

  /** Whether something is not stored yet. */
  get isWaiting() {
    return this.#items.some(({ state }) => state === "waiting");
  }

  send(conversation, text, name) {
    const row = element("div", undefined, "said ours");
    this.#items.push({
      conversation,
      id: randomId(),
      text,
      name,
      state: "waiting",
      problem: null,
      row,
    });
    this.#send(conversation);
    this.render();
  }

  /** The stream, or the journal, tells that it is stored. */
  stored(conversation, id) {
    const kept = this.#items.filter(
      (item) => item.conversation !== conversation || item.id !== id,
    );
    if (kept.length === this.#items.length) return;
    this.#items = kept;
    this.render();
  }

  show(conversation) {
    this.#shown = conversation;
    this.render();
  }

  render() {
    const shown = this.#items.filter(
      ({ conversation }) => conversation === this.#shown,
    );
    for (const item of shown) this.#fill(item);
    arrange(
      $("waiting"),
      shown.map(({ row }) => row),
    );
  }

  async #send(conversation) {
    if (this.#sending.has(conversation)) return;
    this.#sending.add(conversation);
    const next = () =>
      this.#items.find(
        (item) =>
          item.conversation === conversation && item.state === "waiting",
      );
    for (let item = next(); item; item = next()) await this.#deliver(item);
    this.#sending.delete(conversation);
  }

  async #deliver(item) {
    const { conversation, id, text, name } = item;
    for (let tried = 1; ; tried += 1) {
      try {
        await this.#api.call(
          "POST",
          `/v1/conversations/${conversation}/messages`,
          { text, id, name, from: "agent" },
        );
        item.state = "sent";
        return this.render();
      } catch (problem) {
        item.problem =
          problem instanceof Problem ? problem : Problem.unreachable();
        if (!item.problem.temporary || tried === TRIES) {
          item.state = "failed";
          return this.render();
        }
      }
      this.render();
      const most = Math.min(MOST_WAIT_MS, FIRST_WAIT_MS * 2 ** tried);
      const wait = Math.max(item.problem.retryAfterMs, Math.random() * most);
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  #fill(item) {
    const { row, state, text, name, problem } = item;
    const now = `${state} ${problem?.told ?? ""}`;
    if (row.dataset.now === now) return;
    row.dataset.now = now;
    row.className = `said ours ${state}`;
    const by = element("p", undefined, "by");
    by.append(
      element("b", name),
      " ",
      element("span", STATES[state], `mark ${state}`),
    );
    row.replaceChildren(by, element("p", text, "words"));
    if (state === "waiting" && problem)
      row.append(element("p", `Trying again: ${problem.message}`, "why"));
    if (state !== "failed") return;
    const again = button("Try again", () => {
      item.state = "waiting";
      this.#send(item.conversation);
      this.render();
      $("text").focus();
    });
    const back = button("Take it back", () => {
      this.stored(item.conversation, item.id);
      this.#tell.takenBack(text);
    });
    const buttons = element("p", undefined, "buttons");
    buttons.append(again, back);
    row.append(element("p", problem.told, "why"), buttons);
    say($("announce"), `Not sent: ${problem.message}`);
  }
}

const STATES = { waiting: "waiting", sent: "sent", failed: "not sent" };
