// The shop's page around a chat: who is signed in and until when, and what a customer can do.

import { Chat } from "./chat.js";
import { Log } from "./log.js";
import { Neighbours } from "./neighbours.js";
import { Shelf } from "./shelf.js";
import { Tabs, played } from "./tabs.js";
import { clock, whyNotConnected } from "./words.js";

const READ_AFTER_MS = 300;

const $ = (id) => document.getElementById(id);
const about = await (await fetch("/demo.json")).json();
const names = new Map(about.customers.map(({ id, name }) => [id, name]));
const called = (subject) => names.get(subject) ?? subject;
const browsers = played(location.search);
const tabs = new Tabs(browsers.own);
const log = new Log($("log"), called);

let authentication = { status: "none" };
let hasBeenSignedIn = false;
let expiring = false;
let line = "none";

async function token(customer) {
  const answer = await fetch(`/auth/token?customer=${encodeURIComponent(customer)}`);
  if (!answer.ok) throw new Error(await answer.text());
  return answer.text();
}

// --- what the gateway tells

const told = {
  started: (frame) => become(frame.authentication),
  resumed: (frame) => become(frame.authentication),
  authentication(frame, past) {
    if (frame.authentication.status === "authenticated") log.withdrawOffers();
    if (!past) become(frame.authentication);
  },
  message({ from, sequence }) {
    $("typing").textContent = "";
    if (from !== "customer") readSoon(sequence);
  },
  typing({ from }) {
    if (from === "customer") return;
    $("typing").textContent = "The agent is typing …";
    clearTimeout(told.typingTimer);
    told.typingTimer = setTimeout(() => ($("typing").textContent = ""), 4000);
  },
  token_expiring({ expires_at }) {
    expiring = true;
    if (!$("renew").checked) log.note(`The sign-in ends at ${clock(expires_at)}: the switch to renew it is off`);
    renew();
  },
  authentication_requested(frame) {
    const customers = chat.customer ? [chat.customer] : [...names.keys()];
    const offered = authentication.status === "authenticated" ? [] : customers;
    log.asked(frame, offered, (customer) => {
      chat.signIn(customer);
      $("text").focus();
    });
  },
};

const chat = new Chat(about.chat_url, token, tabs, {
  frame(frame, past) {
    told[frame.type]?.(frame, past);
    log.frame(frame);
  },
  sending: (id, text) => log.sending(id, text),
  // Frames come in the journal's order: what holds now held when it was stored.
  accepted: (id, frame) => log.accepted(id, frame, authentication.status === "authenticated"),
  refused: (id) => log.refused(id),
  clear,
  line(state, why, waitMs) {
    line = state;
    const texts = {
      connecting: "Connecting …",
      open: why ? `Connected; ${why}` : "Connected",
      waiting: `Not connected (${whyNotConnected(why)}); trying again in ${Math.ceil((waitMs ?? 0) / 1000)} s`,
      refused: "Not in the chat: sign in as the customer it belongs to, or begin a new one",
      ended: why ? `No chat: ${why}` : "No chat: it has ended",
      signed_out: "Signed out, in all tabs. This browser has forgotten the chat: whoever comes next sees nothing of it",
    };
    $("line").textContent = texts[state];
    if (state === "signed_out") renderRenewal();
    if (state === "ended" || state === "signed_out") become({ status: "none" });
    else render();
  },
});
const shelf = new Shelf(chat, tabs);
const neighbours = new Neighbours(browsers, chat, about, token);

// A message that is on the screen is read.
let unread = 0;
let reading = 0;
function readSoon(sequence) {
  unread = sequence;
  clearTimeout(reading);
  reading = setTimeout(() => {
    if (!document.hidden) chat.read(unread);
  }, READ_AFTER_MS);
}

function clear() {
  clearTimeout(reading);
  unread = 0;
  log.clear();
  $("text").value = $("typing").textContent = "";
}

/** Brings a fresh token where the sign-in is about to end, and the customer wants it. */
function renew() {
  if (!expiring || !$("renew").checked) return;
  expiring = false;
  chat.signIn(authentication.subject);
}

/** The switch is the same in all tabs. */
function renderRenewal() {
  $("renew").checked = tabs.get("renew") === true;
  $("renewal").textContent = $("renew").checked
    ? "On: before the time is up the page brings a fresh token"
    : "Off: when the time is up, the chat goes on without sign-in";
}

function become(next) {
  authentication = next;
  expiring = false;
  if (next.status === "none") hasBeenSignedIn = false;
  if (next.status === "authenticated") hasBeenSignedIn = true;
  if (next.status !== "anonymous") log.withdrawOffers();
  render();
}

// --- what the page shows

function render() {
  const { status, subject } = authentication;
  $("state").dataset.status = status === "anonymous" && hasBeenSignedIn ? "downgraded" : status;
  const texts = {
    none: "You are not in a chat",
    authenticated: `Signed in as ${called(subject)}`,
    anonymous: hasBeenSignedIn ? "No longer signed in: the chat goes on without sign-in" : "Not signed in",
  };
  if ($("who").textContent !== texts[status]) $("who").textContent = texts[status];
  const live = line === "open";
  for (const button of $("signin").querySelectorAll("button")) {
    const customer = button.dataset.customer;
    const now = status === "authenticated" && subject === customer;
    button.hidden = !customer && chat.begun;
    const verb = chat.begun ? "Sign in as" : "Chat as";
    if (customer) button.textContent = now ? `Renew as ${called(customer)}` : `${verb} ${called(customer)}`;
    button.disabled = line === "connecting";
  }
  $("last").hidden = $("anonymous").hidden;
  $("text").disabled = $("send").disabled = !chat.begun || line === "refused";
  $("end").disabled = $("signout").disabled = !live;
  $("signout").hidden = $("foot").hidden = !chat.customer;
  $("leave").hidden = !chat.begun;
  shelf.render(live);
  neighbours.render();
  countdown();
  log.toTheEnd();
}

function countdown() {
  const until = authentication.status === "authenticated" ? Date.parse(authentication.expires_at) : 0;
  $("until").hidden = until === 0;
  if (until === 0) return;
  const left = Math.max(0, (until - Date.now()) / 1000);
  $("left").value = left / about.token_seconds;
  $("seconds").textContent = `until ${clock(until)}, ${Math.ceil(left)} s left`;
}

// --- what a customer does

function begin(customer) {
  clear();
  // What the page says by itself is shown to agents, too, but never as verified.
  chat.start(customer, { page: "Desk lamps", ...shelf.variables() }, $("takeup").checked);
}

for (const { id } of about.customers) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.customer = id;
  $("anonymous").before(button);
}
$("signin").addEventListener("click", ({ target }) => {
  if (!(target instanceof HTMLButtonElement)) return;
  const customer = target.dataset.customer ?? null;
  if (chat.begun) chat.signIn(customer);
  else begin(customer);
  $("text").focus();
});
$("compose").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (text === "" || !chat.begun) return;
  chat.send(text);
  $("text").value = "";
});
let typed = 0;
$("text").addEventListener("input", () => {
  if (Date.now() - typed < 3000) return;
  typed = Date.now();
  chat.say({ type: "typing" });
});
$("end").addEventListener("click", () => chat.say({ type: "end" }));
$("signout").addEventListener("click", () => chat.say({ type: "sign_out" }));
$("leave").addEventListener("click", () => {
  chat.forget();
  clear();
  line = "none";
  $("line").textContent = "You left the chat; nobody ended it";
  become({ status: "none" });
});
$("renew").addEventListener("change", () => {
  tabs.set("renew", $("renew").checked);
  renderRenewal();
  renew();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) chat.read(unread);
});

// --- the beginning

tabs.onChange(() => {
  renderRenewal();
  renew();
  render();
});
renderRenewal();
setInterval(countdown, 250);
const asked = new URLSearchParams(location.search).get("as");
// A reload after signing out is not to begin anew by itself.
if (asked) history.replaceState(null, "", `/?browser=${browsers.own}`);
if (!chat.restore()) {
  if (names.has(asked)) begin(asked);
  else render();
}
