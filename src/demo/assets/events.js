// One conversation's events as an agent reads them.

import { $, attempt, call, clock, element } from "./api.js";

let shownUpTo = 0; // the last event that stands in the log
let customerReadUpTo = 0;
let saidReadUpTo = 0;

/** Begins an empty log. */
export function clear() {
  shownUpTo = customerReadUpTo = saidReadUpTo = 0;
  $("log").replaceChildren();
}

/** Reads what isn't shown yet of a conversation, as long as that is the one that is open. */
export async function catchUp(id, isOpen) {
  for (;;) {
    const { items } = await call("GET", `/conversations/${id}/events?after=${shownUpTo}`);
    if (!isOpen(id) || items.length === 0) return;
    items.forEach(append);
  }
}

/** Shows an event that has just come. */
export function take(event, isOpen) {
  if (event.data.sequence > shownUpTo + 1) attempt(() => catchUp(event.subject, isOpen));
  else append(event);
}

function append({ type, time, subject, data }) {
  if (data.sequence <= shownUpTo) return;
  shownUpTo = data.sequence;
  const kind = type.replace("usher.conversation.", "");
  if (kind === "read") return markRead(data);
  const [className, text, detail] = lineOf(kind, data);
  const item = element("li", undefined, className);
  item.append(element("p", text), element("small", `${detail ? `${detail} · ` : ""}${clock(time)}`));
  if (className === "own") item.dataset.sequence = data.sequence;
  $("log").append(item);
  $("log").scrollTop = $("log").scrollHeight;
  if (kind === "message" && data.from === "customer") readSoon(subject, data.sequence);
}

function lineOf(type, data) {
  switch (type) {
    case "message":
      if (data.from === "customer") return ["other", data.text, data.authenticated ? "signed in" : "not signed in"];
      return ["own", data.text, data.name ?? data.from];
    case "started": {
      const { status, subject } = data.authentication;
      const who = status === "authenticated" ? `as ${subject}` : "without sign-in";
      return ["note", `Begun ${who}, queue ${data.queue}`];
    }
    case "authenticated":
      if (data.reason === "token_refreshed") return ["note good", `Sign-in renewed (${data.reason})`];
      return ["note good", `Signed in as ${data.authentication.subject} (${data.reason})`];
    case "downgraded":
      return ["note warn", `No longer signed in (${data.reason}); was ${data.previous.subject}`];
    case "context":
      return ["note", `The page says: ${data.changed.join(", ")}`];
    case "assigned":
      return ["note", `Assigned to ${data.agent ? `${data.agent}, queue ${data.queue}` : `queue ${data.queue}`}`];
    case "authentication_requested":
      return ["note", "The customer is asked to sign in"];
    case "disconnected":
      return ["note", "The customer is not connected"];
    case "reconnected":
      return ["note", "The customer is connected again"];
    case "ended":
      return ["note", `Ended by ${data.by}${data.reason ? ` (${data.reason})` : ""}`];
    default:
      return ["note", type.replaceAll("_", " ")];
  }
}

function markRead({ by, up_to }) {
  if (by !== "customer") return;
  for (const item of $("log").querySelectorAll(".own[data-sequence]")) {
    const sequence = Number(item.dataset.sequence);
    if (sequence > customerReadUpTo && sequence <= up_to) item.querySelector("small").textContent += " · read";
  }
  customerReadUpTo = Math.max(customerReadUpTo, up_to);
}

// --- what the agent has read

let unread = null; // {id, up_to}
let reading = 0;

/** A customer's message that is on the screen is read; many that come at once are told as one. */
function readSoon(id, up_to) {
  unread = { id, up_to };
  clearTimeout(reading);
  reading = setTimeout(read, 300);
}

async function read() {
  if (document.hidden || !unread || unread.up_to <= saidReadUpTo) return;
  const { id, up_to } = unread;
  unread = null;
  saidReadUpTo = up_to;
  // An ended conversation takes nothing more; then nobody needs to know.
  await call("POST", `/conversations/${id}/read`, { up_to }).catch(() => {});
}

document.addEventListener("visibilitychange", read);
