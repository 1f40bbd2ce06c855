// What is known of the customer and of the conversation.

import { $, element, say } from "./dom.js";
import { change, left, when, yesNo } from "./words.js";

/** Shows a conversation's summary. What hasn't changed stays as it is, so that it can be selected and copied. */
export function renderFacts(item) {
  const {
    authentication,
    authentication_changed: changed,
    authenticated,
    status,
  } = item;
  const isRunning = authenticated && status === "open";
  say($("authenticated"), yesNo(authenticated));
  $("authenticated").className = `badge ${authenticated ? "yes" : "no"}`;
  say($("subject"), authentication.subject ?? "–");
  say($("issuer"), authentication.issuer ?? "–");
  say(
    $("until"),
    authenticated
      ? `${when(authentication.expires_at)}${isRunning ? `, ${left(authentication.expires_at)}` : ""}`
      : "–",
  );
  say(
    $("changed"),
    changed ? `${change(changed.reason)}, ${when(changed.at)}` : "–",
  );
  say($("of-queue"), item.queue);
  say($("of-agent"), item.agent ?? "nobody");
  say($("connected"), yesNo(item.connected));
  say($("widget"), `${item.tenant}/${item.widget}`);
  say($("started"), when(item.started_at));
  say(
    $("updated"),
    item.ended_at ? `ended ${when(item.ended_at)}` : when(item.updated_at),
  );
  say($("conversation"), item.id);
  renderVariables(item.variables ?? {});
}

let rendered = null;

function renderVariables(variables) {
  const now = JSON.stringify(variables);
  if (now === rendered) return;
  rendered = now;
  const all = Object.entries(variables).sort(([left], [right]) =>
    left.localeCompare(right),
  );
  const shown = all.filter(([, { displayable }]) => displayable);
  const others = all.filter(([, { displayable }]) => !displayable);
  $("variables").replaceChildren(...shown.map(card));
  $("others").replaceChildren(...others.map(card));
  say(
    $("no-variables"),
    all.length === 0
      ? "None."
      : shown.length === 0
        ? "None that are for agents to see."
        : "",
  );
  $("not-shown").hidden = others.length === 0;
  say($("not-shown-count"), `${others.length} for routing, not for display`);
}

function card([name, { raw, value, type, source: by, verified }]) {
  const row = element("div", undefined, "variable");
  const text = String(value ?? raw);
  const value_ = element("dd", undefined, "value");
  value_.append(element("span", text));
  if (raw !== undefined && String(raw) !== text)
    value_.append(" ", element("small", `as sent: ${raw}`));
  const about = element("dd", undefined, "about");
  about.append(
    element(
      "span",
      verified ? "verified: Yes" : "verified: No",
      `badge ${verified ? "yes" : "no"}`,
    ),
    ` ${type}, from ${by === "token" ? "a signed token" : by === "widget" ? "the page" : by}`,
  );
  row.append(element("dt", name), value_, about);
  return row;
}
