// The agent's console: a page on the consumer API, and nothing besides it.

import { Actions } from "./actions.js";
import { Api, Problem } from "./api.js";
import { Conversations } from "./conversations.js";
import { $, say } from "./dom.js";
import { renderFacts } from "./facts.js";
import { List, whom } from "./list.js";
import { Revocations } from "./revocations.js";
import { Session } from "./session.js";
import { Stream } from "./stream.js";
import { Talk } from "./talk.js";
import { clock, left } from "./words.js";

const WARN_BEFORE_MS = 5 * 60_000;

const session = new Session((problem, had) =>
  leave(had ? `Signed out by the gateway: ${problem.message}` : ""),
);
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
  say(
    $("fault-text"),
    problem.told ?? `This is a fault of the console: ${problem.message}`,
  );
  $("fault").hidden = false;
}

const list = new List(
  conversations,
  (id) => (location.hash = `#${id}`),
  attempt,
);
const revocations = new Revocations(api, session, attempt);
const actions = new Actions(
  api,
  session,
  () => conversations.get(opened),
  attempt,
  () => revocations.refresh(),
);
const talk = new Talk(api, session, conversations, attempt, showFault);

// --- live

const stream = new Stream(api, {
  event(event) {
    conversations.event(event);
    if (event.subject === opened) talk.event(event);
  },
  live(isFromNow) {
    live("yes", "Live");
    if (!isFromNow) return;
    // What happened until now is not told: it is read.
    attempt(async () => {
      await conversations.load();
      if (opened)
        await Promise.all([conversations.open(opened), talk.catchUp()]);
    });
  },
  waiting(problem, wait) {
    const why =
      problem instanceof Problem ? problem.message : "The stream has ended.";
    live("no", `Not live, trying again in ${Math.ceil(wait / 1000)} s`, why);
  },
  refused: (problem) => live("no", "Not live", problem.told),
});

function live(state, text, why = "") {
  $("live").dataset.live = state;
  say($("live"), text);
  $("live").title = why;
}

// --- the conversation that is open

async function show(id) {
  if (id === opened) return;
  opened = id;
  talk.clear(id);
  actions.clear();
  $("fault").hidden = true;
  $("desk").dataset.shows = id ? "talk" : "list";
  $("chosen").hidden = true;
  $("not-chosen").hidden = id !== null;
  await attempt(async () => {
    const item = await conversations.open(id);
    if (!item || opened !== id) return;
    await talk.open(item);
    if (opened === id) $("title").focus();
  });
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
  document.title =
    unread > 0 ? `(${unread}) Console – usher` : "Console – usher";
  const item = conversations.get(opened);
  $("chosen").hidden = !item;
  if (item) {
    say($("title"), whom(item));
    say(
      $("state"),
      item.status === "ended"
        ? "Ended"
        : item.connected
          ? "Connected"
          : "Not connected",
    );
    say(
      $("title-badge"),
      item.authenticated ? "Authenticated: Yes" : "Authenticated: No",
    );
    $("title-badge").className = `badge ${item.authenticated ? "yes" : "no"}`;
    renderFacts(item);
    actions.render(item);
    talk.render(item);
  }
  renderSession();
}

function renderSession() {
  const { client, expiresAt } = session;
  const isEnding =
    expiresAt !== null && expiresAt - Date.now() < WARN_BEFORE_MS;
  const until =
    expiresAt === null
      ? ""
      : isEnding
        ? `, ${left(expiresAt)}`
        : ` until ${clock(expiresAt)}`;
  say(
    $("who"),
    session.bearer
      ? `Signed in${client ? ` as ${client}` : ""}${until}`
      : "No key needed here",
  );
  $("who").className = isEnding ? "ending" : "";
  $("sign-out").hidden = !session.bearer;
  const missing = [
    "conversations:read",
    "events:read",
    "conversations:write",
  ].filter((scope) => !session.may(scope));
  say(
    $("scopes"),
    missing.length > 0
      ? `This key lacks ${missing.join(", ")}: ${missing.map(lacking).join(" ")}`
      : "",
  );
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
  talk.clear(null);
  actions.clear();
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
  if (
    talk.isWaiting &&
    !confirm(
      "A message is not sent yet and will be lost. Sign out all the same?",
    )
  )
    return;
  session.forget();
  // A page of its own begins: nothing of this one is left in memory.
  location.replace(location.pathname);
});
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
  if (talk.isWaiting) event.preventDefault();
});
conversations.addEventListener("changed", render);
conversations.addEventListener("fault", ({ detail }) => showFault(detail));
setInterval(() => {
  if (!$("desk").hidden && !document.hidden) render();
}, 1000);
await begin();
