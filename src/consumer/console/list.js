// The list of conversations and its filters.

import { $, arrange, element, say } from "./dom.js";
import { left, when, yesNo } from "./words.js";

const TYPED_FOR_MS = 300;
const FIELDS = ["status", "authenticated", "tenant", "queue", "subject"];

export const whom = ({ authentication }) =>
  authentication.subject ?? "Anonymous";

export class List {
  #conversations;
  #open;

  /**
   * @param open opens a conversation by its id
   * @param attempt does something, and shows why where it fails
   */
  constructor(conversations, open, attempt) {
    this.#conversations = conversations;
    this.#open = open;
    let typed = 0;
    $("filters").addEventListener("submit", (event) => event.preventDefault());
    $("filters").addEventListener("input", ({ target }) => {
      clearTimeout(typed);
      typed = setTimeout(
        () => attempt(() => this.#filter()),
        target.tagName === "SELECT" ? 0 : TYPED_FOR_MS,
      );
    });
    $("more").addEventListener("click", () =>
      attempt(() => conversations.more()),
    );
    $("conversations").addEventListener("keydown", (event) =>
      this.#move(event),
    );
  }

  render(opened) {
    const { listed } = this.#conversations;
    const rows = new Map(
      [...$("conversations").children].map((row) => [row.dataset.id, row]),
    );
    arrange(
      $("conversations"),
      listed.map((item) =>
        this.#fill(rows.get(item.id) ?? this.#row(item.id), item, opened),
      ),
    );
    $("more").hidden = !this.#conversations.hasMore;
    const { status, ...others } = this.#conversations.filters;
    const isFiltered = Object.values(others).some(Boolean);
    const which = status ? `${status} ` : "";
    say(
      $("none"),
      listed.length > 0
        ? ""
        : `No ${which}conversations${isFiltered ? " match the filters" : " yet"}.`,
    );
    for (const member of ["tenant", "queue"]) {
      const names = this.#conversations.names(member);
      arrange(
        $(`${member}s`),
        names.map((name) => findOption(`${member}s`, name)),
      );
    }
  }

  #filter() {
    const filters = Object.fromEntries(
      FIELDS.map((name) => [name, $(`filter-${name}`).value.trim()]),
    );
    const count = ["tenant", "queue", "subject"].filter(
      (name) => filters[name],
    ).length;
    say(
      $("more-filters"),
      count > 0 ? `More filters (${count} set)` : "More filters",
    );
    return this.#conversations.filter(filters);
  }

  #row(id) {
    const row = element("li");
    row.dataset.id = id;
    const button = element("button", undefined, "entry", { type: "button" });
    const about = element("span", undefined, "about");
    button.append(
      element("span", undefined, "who"),
      element("span"),
      element("span", undefined, "unread"),
      about,
    );
    button.addEventListener("click", () => this.#open(id));
    row.append(button);
    return row;
  }

  #fill(row, item, opened) {
    const [button] = row.children;
    const [who, badge, unread, about] = button.children;
    const count = this.#conversations.unreadOf(item.id);
    const className = item.status === "ended" ? "entry ended" : "entry";
    if (button.className !== className) button.className = className;
    if (item.id === opened) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
    say(who, whom(item));
    say(badge, `Authenticated: ${yesNo(item.authenticated)}`);
    badge.className = `badge ${item.authenticated ? "yes" : "no"}`;
    say(unread, count > 0 ? `${count} new` : "");
    say(about, aboutOf(item));
    return row;
  }

  /** The arrow keys, for those who don't want to go through every conversation with the tab key. */
  #move(event) {
    const buttons = [...$("conversations").querySelectorAll("button")];
    const at = buttons.indexOf(document.activeElement);
    const places = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      Home: 0,
      End: buttons.length - 1,
    };
    const next = buttons[places[event.key]];
    if (at < 0 || !next) return;
    event.preventDefault();
    next.focus();
  }
}

function findOption(list, name) {
  const found = [...$(list).children].find((option) => option.value === name);
  return found ?? element("option", undefined, "", { value: name });
}

function aboutOf({
  status,
  queue,
  agent,
  connected,
  authenticated,
  authentication,
  started_at,
}) {
  const parts = [when(started_at), `queue ${queue}`];
  if (agent) parts.push(`agent ${agent}`);
  if (status === "ended") parts.push("ended");
  else if (!connected) parts.push("not connected");
  if (status === "open" && authenticated)
    parts.push(left(authentication.expires_at));
  return parts.join(" · ");
}
