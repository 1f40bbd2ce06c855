// The strip: frames between this page and the gateway, and the events that consumers read, each to be opened.

import { shown } from "./shown.js";

const ROWS_MOST = 150;
const $ = (id) => document.getElementById(id);

/** What says most about a frame in a few words. */
function gist({
  status,
  authentication,
  reason,
  code,
  text,
  from,
  token,
  queue,
  sequence,
}) {
  const state = authentication?.status ?? status;
  const who = authentication?.subject
    ? `${state}, ${authentication.subject}`
    : state;
  const words = text && (text.length > 40 ? `${text.slice(0, 40)}…` : text);
  const parts = [
    code,
    reason,
    from,
    words && `“${words}”`,
    token && "with a token",
    who,
    queue && `queue ${queue}`,
  ];
  return [...parts, sequence && `#${sequence}`].filter(Boolean).join(" · ");
}

const ARROWS = { out: "→", in: "←", note: "·", event: "⇒" };
const SAID = {
  out: "to the gateway",
  in: "from the gateway",
  note: "",
  event: "",
};

function show(list, at, direction, name, about, value) {
  const lane = list.parentElement;
  const isAtTheEnd =
    lane.scrollHeight - lane.scrollTop - lane.clientHeight < 40;
  const row = document.createElement("li");
  const line = document.createElement(value ? "summary" : "p");
  const parts = [
    ["time", new Date(at).toLocaleTimeString()],
    ["arrow", ARROWS[direction]],
    ["unseen", SAID[direction]],
    ["name", name],
    ["gist", about],
  ];
  for (const [className, text] of parts) {
    const span = document.createElement("span");
    span.className = className;
    span.textContent = text;
    line.append(span, " ");
  }
  row.className = direction;
  if (value) {
    const details = document.createElement("details");
    const text = document.createElement("pre");
    text.textContent = JSON.stringify(value, null, 2);
    details.append(line, text);
    row.append(details);
  } else {
    row.append(line);
  }
  list.append(row);
  while (list.children.length > ROWS_MOST) list.firstElementChild.remove();
  if (isAtTheEnd) lane.scrollTop = lane.scrollHeight;
}

/** Shows the frames of this page's sockets. */
export function showFrames() {
  window.tap(({ at, direction, text }) => {
    if (direction === "note")
      return show($("frames"), at, direction, text, "", null);
    const frame = shown(JSON.parse(text));
    show($("frames"), at, direction, frame.type, gist(frame), frame);
  });
  $("clear-wire").addEventListener("click", () => {
    $("frames").replaceChildren();
    $("events").replaceChildren();
  });
}

/** Shows an event as consumers read it. */
export function showEvent(event) {
  const name = event.type.replace("usher.conversation.", "");
  show(
    $("events"),
    event.time,
    "event",
    name,
    `…${event.subject.slice(-4)} · ${gist(event.data)}`,
    shown(event),
  );
}

/** Follows the events, by way of the shop's server, and hands each to `hear`. */
export function followEvents(hear) {
  // It comes back by itself, from where it stood.
  const events = new EventSource("/v1/events?after=latest&tenant=demo");
  events.onmessage = ({ data }) => {
    if (data) hear(JSON.parse(data));
  };
}
