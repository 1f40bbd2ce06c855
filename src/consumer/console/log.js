// One conversation's journal as an agent reads it.

import { kindOf } from "./conversations.js";
import { $, element, say } from "./dom.js";
import { change, clock, day, exactClock, sameDay } from "./words.js";

/** How much of the past is read at once. */
const PAGE = 200;
const AT_THE_END_PX = 80;
const ROLES = {
  customer: "Customer",
  agent: "Agent",
  bot: "Bot",
  system: "System",
};

export class Log {
  #api;
  #tell;
  #id = null;
  #before = 0; // up to here the past isn't loaded
  #last = 0; // the greatest sequence that is shown
  #lastAt = null;
  #isReading = false;
  #isAskedAgain = false;
  #seenByCustomer = 0;
  #seenByAgent = 0;
  #events = [];

  /** @param tell {shown(events): they stand in the log now} */
  constructor(api, tell) {
    this.#api = api;
    this.#tell = tell;
    $("log").addEventListener("scroll", () => this.#offerTheEnd(), {
      passive: true,
    });
    $("to-the-end").addEventListener("click", () => {
      this.toTheEnd();
      $("log").focus();
    });
  }

  /** The last entry of the customer that is shown and that no agent is known to have read; 0 where there is none. */
  get unread() {
    const customers = this.#events.findLast(
      (event) => kindOf(event) === "message" && event.data.from === "customer",
    );
    const sequence = customers?.data.sequence ?? 0;
    return sequence > this.#seenByAgent ? sequence : 0;
  }

  clear() {
    this.#id = this.#lastAt = null;
    this.#before = this.#last = this.#seenByCustomer = this.#seenByAgent = 0;
    this.#events = [];
    $("past").replaceChildren();
    $("earlier").hidden = $("to-the-end").hidden = true;
  }

  /** Shows the newest part of a conversation. Throws a `Problem`. */
  async open({ id, sequence }) {
    this.clear();
    this.#id = id;
    this.#before = this.#last = Math.max(0, sequence - PAGE);
    // What was said long ago is not read out.
    $("log").setAttribute("aria-busy", "true");
    try {
      await this.catchUp();
    } finally {
      if (this.#id === id) $("log").removeAttribute("aria-busy");
    }
    if (this.#id === id) this.toTheEnd();
  }

  /** Reads what isn't shown yet. Throws a `Problem`. */
  async catchUp() {
    this.#isAskedAgain = true;
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      while (this.#isAskedAgain && this.#id !== null) {
        this.#isAskedAgain = false;
        const id = this.#id;
        const { items, cursor } = await this.#page(this.#last, PAGE);
        if (this.#id === id) this.#append(items);
        if (cursor || this.#id !== id) this.#isAskedAgain = true;
      }
    } finally {
      this.#isReading = false;
    }
  }

  /** Reads a part of the past that lies before what is shown. Throws a `Problem`. */
  async earlier() {
    const id = this.#id;
    const after = Math.max(0, this.#before - PAGE);
    const { items } = await this.#page(after, this.#before - after);
    if (this.#id !== id) return;
    const { scrollTop, scrollHeight } = $("log");
    const events = [...items, ...this.#events];
    this.#before = after;
    this.#events = [];
    this.#last = after;
    this.#lastAt = null;
    $("log").setAttribute("aria-busy", "true");
    $("past").replaceChildren();
    this.#append(events);
    $("log").removeAttribute("aria-busy");
    // What was on the screen stays there.
    $("log").scrollTop = scrollTop + $("log").scrollHeight - scrollHeight;
  }

  /** Takes an event of the stream. Throws a `Problem`. */
  async take(event) {
    if (event.subject !== this.#id || event.data.sequence <= this.#last) return;
    if (event.data.sequence > this.#last + 1 || this.#isReading)
      await this.catchUp();
    else this.#append([event]);
  }

  toTheEnd() {
    $("log").scrollTop = $("log").scrollHeight;
  }

  #page(after, limit) {
    return this.#api.get(
      `/v1/conversations/${this.#id}/events?after=${after}&limit=${limit}`,
    );
  }

  #append(events) {
    const { scrollTop, scrollHeight, clientHeight } = $("log");
    const isAtTheEnd = scrollHeight - scrollTop - clientHeight < AT_THE_END_PX;
    const news = events.filter((event) => event.data.sequence > this.#last);
    for (const event of news) this.#show(event);
    $("earlier").hidden = this.#before === 0;
    if (news.length === 0) return;
    this.#tell.shown(news);
    if (isAtTheEnd) this.toTheEnd();
    this.#offerTheEnd();
  }

  #show(event) {
    const { time, data } = event;
    this.#events.push(event);
    this.#last = data.sequence;
    const kind = kindOf(event);
    if (kind === "read") return this.#read(data);
    if (
      kind === "authenticated" &&
      data.reason === "token_refreshed" &&
      this.#renewedAgain(time)
    )
      return;
    const at = new Date(time);
    if (this.#lastAt === null || !sameDay(this.#lastAt, at))
      $("past").append(element("p", day(at), "day"));
    this.#lastAt = at;
    $("past").append(
      kind === "message" ? this.#message(time, data) : note(kind, time, data),
    );
  }

  /** Renewals that follow each other are one note: the newest. */
  #renewedAgain(time) {
    const last = $("past").lastElementChild;
    if (!last?.dataset.renewed) return false;
    last.dataset.renewed = Number(last.dataset.renewed) + 1;
    last.replaceChildren(
      `Sign-in renewed ${last.dataset.renewed} times `,
      timeOf(time),
    );
    return true;
  }

  #message(time, { from, text, name, authenticated, sequence }) {
    const said = element(
      "div",
      undefined,
      `said ${from === "customer" ? "theirs" : "ours"}`,
    );
    const who = name
      ? `${name}${from === "agent" ? "" : ` (${from})`}`
      : ROLES[from];
    const by = element("p", undefined, "by");
    by.append(element("b", who), " ", timeOf(time));
    if (from === "customer") {
      by.append(
        " ",
        element(
          "span",
          authenticated ? "signed in" : "not signed in",
          `mark ${authenticated ? "yes" : "no"}`,
        ),
      );
    } else {
      const read = element(
        "span",
        sequence <= this.#seenByCustomer ? "read" : "",
        "read",
      );
      read.dataset.sequence = sequence;
      by.append(" ", read);
    }
    said.append(by, element("p", text, "words"));
    return said;
  }

  #read({ by, up_to }) {
    if (by === "agent") {
      this.#seenByAgent = Math.max(this.#seenByAgent, up_to);
      return;
    }
    this.#seenByCustomer = Math.max(this.#seenByCustomer, up_to);
    for (const mark of $("past").querySelectorAll(".read")) {
      if (Number(mark.dataset.sequence) <= up_to) say(mark, "read");
    }
  }

  #offerTheEnd() {
    const { scrollTop, scrollHeight, clientHeight } = $("log");
    $("to-the-end").hidden =
      scrollHeight - scrollTop - clientHeight < AT_THE_END_PX;
  }
}

function note(kind, time, data) {
  const [text, className] = noteOf(kind, data);
  const line = element("p", undefined, `note ${className}`.trim());
  line.append(text, " ", timeOf(time));
  if (kind === "authenticated" && data.reason === "token_refreshed")
    line.dataset.renewed = 1;
  return line;
}

const timeOf = (time) =>
  element("time", clock(time), "", { datetime: time, title: exactClock(time) });

function noteOf(kind, data) {
  const { authentication, queue, agent, reason, by } = data;
  switch (kind) {
    case "started": {
      const isIn = authentication.status === "authenticated";
      return [
        `Begun ${isIn ? `by ${authentication.subject}, signed in` : "without sign-in"}, in the queue ${queue}`,
        "",
      ];
    }
    case "authenticated":
      if (reason === "token_refreshed") return ["Sign-in renewed", "good"];
      return [`Signed in as ${authentication.subject}`, "good"];
    case "downgraded":
      return [
        `Not signed in any more: ${change(reason)}. Before: ${data.previous.subject}`,
        "warn",
      ];
    case "context":
      return [`The page says: ${data.changed.join(", ")}`, ""];
    case "assigned":
      return [
        agent
          ? `Assigned to ${agent}, queue ${queue}`
          : `In the queue ${queue}, with nobody`,
        "",
      ];
    case "authentication_requested":
      return [
        data.message
          ? `Asked to sign in: “${data.message}”`
          : "Asked to sign in",
        "",
      ];
    case "disconnected":
      return ["The customer is not connected", ""];
    case "reconnected":
      return ["The customer is connected again", ""];
    case "ended":
      return [`Ended by the ${by}${reason ? `: ${reason}` : ""}`, ""];
    default:
      return [kind.replaceAll("_", " "), ""];
  }
}
