// What the tenants have taken back, and lifting it.

import { $, arrange, button, element, say } from "./dom.js";
import { when } from "./words.js";

const MOST = 100;

export class Revocations {
  #api;
  #session;
  #attempt;

  constructor(api, session, attempt) {
    this.#api = api;
    this.#session = session;
    this.#attempt = attempt;
    $("revocations").addEventListener("toggle", () => this.refresh());
  }

  /** Reads them anew where they are looked at. */
  async refresh() {
    $("revocations").hidden = !this.#session.may("revocations:read");
    if (!$("revocations").open) return;
    try {
      const { items, cursor } = await this.#api.get(
        `/v1/revocations?limit=${MOST}`,
      );
      const rows = new Map(
        [...$("revoked").children].map((row) => [row.dataset.id, row]),
      );
      arrange(
        $("revoked"),
        items.map((item) => rows.get(item.id) ?? this.#row(item)),
      );
      say(
        $("none-revoked"),
        items.length === 0 ? "None." : cursor ? `The newest ${MOST}.` : "",
      );
    } catch (problem) {
      say(
        $("none-revoked"),
        `They can't be read: ${problem.told ?? problem.message}`,
      );
    }
  }

  #row(item) {
    const row = element("li");
    row.dataset.id = item.id;
    row.append(element("span", about(item)));
    if (!this.#session.may("revocations:write")) return row;
    const lift = button("Lift", () =>
      this.#attempt(async () => {
        await this.#api.call(
          "DELETE",
          `/v1/revocations/${encodeURIComponent(item.id)}`,
        );
        await this.refresh();
        $("revocations").querySelector("summary").focus();
        say(
          $("announce"),
          "Lifted: it refuses no token any more. A sign-in that has ended stays ended.",
        );
      }),
    );
    lift.setAttribute("aria-label", `Lift: ${about(item)}`);
    row.append(lift);
    return row;
  }
}

function about({
  tenant,
  subject,
  conversation,
  kid,
  fingerprint,
  everyone,
  issued_before,
}) {
  const before = issued_before
    ? `, tokens from before ${when(issued_before)}`
    : "";
  if (subject) return `${tenant}: customer ${subject}${before}`;
  if (conversation)
    return `${tenant ? `${tenant}: ` : ""}conversation …${conversation.slice(-8)}`;
  if (everyone) return `${tenant}: everyone${before}`;
  return `${tenant}: key ${kid ?? fingerprint}`;
}
