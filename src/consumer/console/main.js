// The agent's console: a page on the consumer API, and nothing besides it.

import { Actions } from "./actions.js";
import { Api, Problem } from "./api.js";
import { Conversations, kindOf } from "./conversations.js";
import { $, say } from "./dom.js";
import { renderFacts } from "./facts.js";
import { List, whom } from "./list.js";
import { Log } from "./log.js";
import { Outbox } from "./outbox.js";
import { Revocations } from "./revocations.js";
import { Session } from "./session.js";
import { Stream } from "./stream.js";
import { clock, left } from "./words.js";

const TYPING_EVERY_MS = 3000;
const TYPING_SHOWN_MS = 5000;
const READ_AFTER_MS = 300;
const WARN_BEFORE_MS = 5 * 60_000;

const session = new Session((problem, had) => leave(had ? `Signed out by the gateway: ${problem.message}` : ""));
const api = new Api(session);
const conversations = new Conversations(api);
let opened = null; // the id of the conversation that is open

/** Does what an agent asked for, and says why where it was not done. */
async function attempt(action) {
  $("fault").hidden = true;
  try {
    await action();
    return true;
  } catch (problem) {
    showFault(problem);
    return false;
  }
}

function showFault(problem) {
  if (problem instanceof Problem && problem.isAboutWho) return; // the sign-in is shown instead
  say($("fault-text"), problem.told ?? `This is a fault of the console: ${problem.message}`);
  $("fault").hidden = false;
}

const list = new List(conversations, (id) => (location.hash = `#${id}`), attempt);
const revocations = new Revocations(api, session, attempt);
const actions = new Actions(api, session, () => conversations.get(opened), attempt, () => revocations.refresh());
const outbox = new Outbox(api, {
  takenBack(text) {
    if ($("text").value.trim() === "") $("text").value = text;
    $("text").focus();
  },
});
const log = new Log(api, {
  shown(events) {
    for (const { data } of events) if (data.id !== undefined) outbox.stored(opened, data.id);
    readSoon();
  },
});

// --- live

const stream = new Stream(api, {
  event(event) {
    conversations.event(event);
    if (event.subject !== opened) return;
    if (kindOf(event) === "typing") return typing(event.data.from);
    if (event.data.from === "customer") typing(null);
    log.take(event).catch(showFault);
  },
  live(isFromNow) {
    live("yes", "Live");
    if (!isFromNow) return;
    // What happened until now is not told: it is read.
    attempt(async () => {
      await conversations.load();
      if (opened) await Promise.all([conversations.open(opened), log.catchUp()]);
    });
  },
  waiting(problem, wait) {
    const why = problem instanceof Problem ? problem.message : "The stream has ended.";
    live("no", `Not live, trying again in ${Math.ceil(wait / 1000)} s`, why);
  },
  refused: (problem) => live("no", "Not live", problem.told),
});

function live(state, text, why = "") {
  $("live").dataset.live = state;
  say($("live"), text);
  $("live").title = why;
}

let typingTimer = 0;
function typing(from) {
  clearTimeout(typingTimer);
  const isCustomer = from === "customer";
  if (from && !isCustomer) return;
  say($("typing"), isCustomer ? "The customer is typing …" : "");
  if (isCustomer) typingTimer = setTimeout(() => say($("typing"), ""), TYPING_SHOWN_MS);
}

// --- the conversation that is open

async function show(id) {
  if (id === opened) return;
  opened = id;
  log.clear();
  actions.clear();
  outbox.show(id);
  typing(null);
  $("fault").hidden = true;
  $("desk").dataset.shows = id ? "talk" : "list";
  $("chosen").hidden = true;
  $("not-chosen").hidden = id !== null;
  await attempt(async () => {
    const item = await conversations.open(id);
    if (!item || opened !== id) return;
    await log.open(item);
    if (opened === id) $("title").focus();
  });
}

let reading = 0;
let saidRead = "";
/** A customer's message that is on the screen is read; many that come at once are told as one. */
function readSoon() {
  clearTimeout(reading);
  reading = setTimeout(() => {
    const item = conversations.get(opened);
    if (document.hidden || !item) return;
    conversations.seen(item.id);
    const upTo = log.unread;
    const what = `${item.id}/${upTo}`;
    if (upTo === 0 || what === saidRead || item.status === "ended" || !session.may("conversations:write")) return;
    saidRead = what;
    // Who reads on is not held up by it; the next message tells it again.
    api.call("POST", `/v1/conversations/${item.id}/read`, { up_to: upTo }).catch(() => (saidRead = ""));
  }, READ_AFTER_MS);
}

function send() {
  const text = $("text").value.trim();
  if (text === "" || $("text").disabled) return;
  outbox.send(opened, text, $("name").value.trim() || "Agent");
  $("text").value = "";
  log.toTheEnd();
}

let typed = 0;
function type() {
  if (!opened || $("text").value.trim() === "" || Date.now() - typed < TYPING_EVERY_MS) return;
  typed = Date.now();
  api.call("POST", `/v1/conversations/${opened}/typing`, {}).catch(() => {});
}

// --- rendering

let isDue = false;
function render() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    renderNow();
  });
}

function renderNow() {
  list.render(opened);
  const { unread } = conversations;
  document.title = unread > 0 ? `(${unread}) Console – usher` : "Console – usher";
  const item = conversations.get(opened);
  $("chosen").hidden = !item;
  if (item) {
    say($("title"), whom(item));
    say($("state"), item.status === "ended" ? "Ended" : item.connected ? "Connected" : "Not connected");
    say($("title-badge"), item.authenticated ? "Authenticated: Yes" : "Authenticated: No");
    $("title-badge").className = `badge ${item.authenticated ? "yes" : "no"}`;
    renderFacts(item);
    actions.render(item);
    const mayAnswer = item.status === "open" && session.may("conversations:write");
    $("text").disabled = $("send").disabled = !mayAnswer;
    const why = item.status === "ended" ? "The conversation has ended." : "This key may not answer.";
    $("text").placeholder = mayAnswer ? "Write an answer" : why;
  }
  renderSession();
}

function renderSession() {
  const { client, expiresAt } = session;
  const isEnding = expiresAt !== null && expiresAt - Date.now() < WARN_BEFORE_MS;
  const until = expiresAt === null ? "" : isEnding ? `, ${left(expiresAt)}` : ` until ${clock(expiresAt)}`;
  say($("who"), session.bearer ? `Signed in${client ? ` as ${client}` : ""}${until}` : "No key needed here");
  $("who").className = isEnding ? "ending" : "";
  $("sign-out").hidden = !session.bearer;
  const missing = ["conversations:read", "events:read", "conversations:write"].filter((scope) => !session.may(scope));
  say($("scopes"), missing.length > 0 ? `This key lacks ${missing.join(", ")}: ${missing.map(lacking).join(" ")}` : "");
}

const LACKING = {
  "conversations:read": "it can't list conversations.",
  "events:read": "it can neither read what was said nor see it live.",
  "conversations:write": "it can't answer.",
};
const lacking = (scope) => LACKING[scope];

// --- coming and going

function enter() {
  $("gate").hidden = true;
  $("desk").hidden = false;
  live("no", "Connecting …");
  stream.start();
  revocations.refresh();
  render();
  const id = idInAddress();
  opened = null;
  show(id);
}

/** Shows the sign-in, and nothing of anybody. What was being written stays. */
function leave(why) {
  stream.stop();
  opened = null;
  log.clear();
  actions.clear();
  outbox.show(null);
  conversations.clear();
  $("desk").hidden = true;
  $("gate").hidden = false;
  say($("gate-fault"), why);
  $("key").focus();
}

function idInAddress() {
  const id = location.hash.slice(1);
  return /^[0-9a-f-]{36}$/.test(id) ? id : null;
}

async function begin() {
  session.restore();
  try {
    await api.get("/v1/conversations?limit=1");
  } catch (problem) {
    if (problem.isAboutWho) return; // the session has told so
    if (!session.bearer && problem.status !== 403) return leave(problem.told);
  }
  enter();
}

$("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const key = $("key").value;
  say($("gate-fault"), "");
  $("sign-in-button").disabled = true;
  try {
    await session.signIn(key);
    $("key").value = "";
    await api.get("/v1/conversations?limit=1").catch((problem) => {
      if (problem.status !== 403) throw problem;
    });
    enter();
  } catch (problem) {
    session.forget();
    say($("gate-fault"), problem.told ?? problem.message);
    $("key").focus();
  } finally {
    $("sign-in-button").disabled = false;
  }
});
$("sign-out").addEventListener("click", () => {
  if (outbox.isWaiting && !confirm("A message is not sent yet and will be lost. Sign out all the same?")) return;
  session.forget();
  // A page of its own begins: nothing of this one is left in memory.
  location.replace(location.pathname);
});
$("compose").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
$("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
});
$("text").addEventListener("input", type);
$("earlier").addEventListener("click", () => attempt(() => log.earlier()));
$("fault-close").addEventListener("click", () => ($("fault").hidden = true));
$("back").addEventListener("click", () => (location.hash = ""));
$("show-facts").addEventListener("click", () => {
  $("desk").dataset.shows = "facts";
  $("show-talk").focus();
});
$("show-talk").addEventListener("click", () => {
  $("desk").dataset.shows = "talk";
  $("title").focus();
});
addEventListener("hashchange", () => {
  if (!$("desk").hidden) show(idInAddress());
});
addEventListener("beforeunload", (event) => {
  if (outbox.isWaiting) event.preventDefault();
});
document.addEventListener("visibilitychange", readSoon);
conversations.addEventListener("changed", render);
conversations.addEventListener("fault", ({ detail }) => showFault(detail));
setInterval(() => {
  if (!$("desk").hidden && !document.hidden) render();
}, 1000);
await begin();
