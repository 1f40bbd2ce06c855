// The shop's page around a chat. Everything that comes from outside is set as text, never as markup.

import { Chat } from "./chat.js";

const $ = (id) => document.getElementById(id);
const about = await (await fetch("/demo.json")).json();
const names = new Map(about.customers.map(({ id, name }) => [id, name]));
const called = (subject) => names.get(subject) ?? subject;

const WHY_DOWNGRADED = {
  token_expired: "the token's time is up",
  key_expired: "the key that signed the token has expired",
  revoked: "the shop took it back",
  signed_out: "you signed out",
  idle: "nothing was heard for a while",
};

let authentication = { status: "none" };
let hasBeenSignedIn = false;
let line = "none";
const bubbles = new Map(); // own messages by their id

async function token(customer) {
  const answer = await fetch(`/auth/token?customer=${encodeURIComponent(customer)}`);
  if (!answer.ok) throw new Error(await answer.text());
  return answer.text();
}

function clock(time) {
  return new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

function append(kind, text, detail) {
  const item = document.createElement("li");
  item.className = kind;
  const body = document.createElement("p");
  body.textContent = text;
  const small = document.createElement("small");
  small.textContent = detail ?? "";
  item.append(body, small);
  $("log").append(item);
  toTheEnd();
  return item;
}

// After the layout: what changes around the log changes its height, too.
function toTheEnd() {
  requestAnimationFrame(() => ($("log").scrollTop = $("log").scrollHeight));
}

const verified = (yes) => (yes ? "sent signed in" : "sent without sign-in");

function showContext({ accepted, rejected }) {
  if (accepted.length > 0) append("note", `Variables taken: ${accepted.join(", ")}`);
  for (const { name, reason } of rejected) append("note warn", `Variable not taken: ${name} (${reason})`);
}

const shown = {
  started(frame) {
    become(frame.authentication);
    const who = frame.authentication.status === "authenticated" ? ` as ${called(frame.authentication.subject)}` : "";
    append("note", `Chat begun${who}. Queue: ${frame.queue}`);
    showContext(frame.context);
  },
  resumed(frame) {
    become(frame.authentication);
    append("note", frame.truncated ? "Chat taken up again (its newest part)" : "Chat taken up again");
  },
  authentication(frame) {
    become(frame.authentication);
    if (frame.authentication.status === "authenticated") {
      append("note good", `Signed in as ${called(frame.authentication.subject)}`);
      showContext(frame.context);
    } else {
      const why = WHY_DOWNGRADED[frame.reason] ?? frame.reason;
      append("note warn", `The sign-in has ended (${why}): the chat goes on without sign-in`);
    }
  },
  message(frame) {
    const own = frame.from === "customer";
    const who = own ? verified(frame.authenticated) : (frame.name ?? frame.from);
    append(own ? "own" : "other", frame.text, `${who} · ${clock(frame.at)}`);
    $("typing").textContent = "";
  },
  typing(frame) {
    if (frame.from === "customer") return;
    $("typing").textContent = "The agent is typing …";
    clearTimeout(shown.typingTimer);
    shown.typingTimer = setTimeout(() => ($("typing").textContent = ""), 4000);
  },
  assigned({ queue, agent }) {
    append("note", agent ? `${agent} takes over (queue ${queue})` : `You are in the queue ${queue}`);
  },
  ended({ by, reason }) {
    append("note", `The chat was ended by the ${by}${reason ? `: ${reason}` : ""}`);
  },
  token_expiring({ expires_at }) {
    append("note", `The sign-in holds until ${clock(expires_at)}`);
  },
  authentication_requested({ message }) {
    append("note", message ?? "The agent asks you to sign in");
  },
  draining() {
    append("note", "The gateway stops for a moment; the chat comes back by itself");
  },
  error({ message, action }) {
    append("note bad", `${message[0].toUpperCase()}${message.slice(1)}.`, action);
  },
};

const chat = new Chat(about.chat_url, token, {
  frame: (frame) => shown[frame.type]?.(frame),
  sending(id, text) {
    bubbles.set(id, append("own pending", text, "sending …"));
  },
  accepted(id, { at, authenticated }) {
    const bubble = bubbles.get(id);
    if (!bubble) return;
    // Frames come in the journal's order: what holds now held when it was stored.
    const held = authenticated ?? authentication.status === "authenticated";
    bubble.className = "own";
    if (bubble !== $("log").lastElementChild) $("log").append(bubble); // the journal's order is the chat's
    bubble.querySelector("small").textContent = `${verified(held)} · ${clock(at)} · stored`;
  },
  refused(id) {
    const bubble = bubbles.get(id);
    if (!bubble) return;
    bubble.className = "own failed";
    bubble.querySelector("small").textContent = "not sent";
  },
  line(state, why, waitMs) {
    line = state;
    const texts = {
      connecting: "Connecting …",
      open: why ? `Connected; ${why}` : "Connected",
      waiting: `Not connected (${why}); trying again in ${Math.ceil((waitMs ?? 0) / 1000)} s`,
      refused: "Not in the chat: sign in as the customer it belongs to, or begin a new one",
      ended: why ? `No chat: ${why}` : "No chat: it has ended",
    };
    $("line").textContent = texts[state];
    if (state === "ended") become({ status: "none" });
    render();
  },
});

function become(next) {
  authentication = next;
  if (next.status === "none") hasBeenSignedIn = false;
  if (next.status === "authenticated") hasBeenSignedIn = true;
  render();
}

function render() {
  const { status, subject, expires_at } = authentication;
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
    if (customer) button.textContent = now ? `Renew as ${names.get(customer)}` : `${verb} ${names.get(customer)}`;
    button.disabled = line === "connecting";
  }
  $("text").disabled = $("send").disabled = !chat.begun || line === "refused";
  $("end").disabled = !live;
  $("leave").hidden = !chat.begun;
  countdown();
  toTheEnd();
}

function countdown() {
  const until = authentication.status === "authenticated" ? Date.parse(authentication.expires_at) : 0;
  $("until").hidden = until === 0;
  if (until === 0) return;
  const left = Math.max(0, (until - Date.now()) / 1000);
  $("left").value = left / about.token_seconds;
  $("seconds").textContent = `until ${clock(until)}, ${Math.ceil(left)} s left`;
}

for (const { id, name } of about.customers) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.customer = id;
  button.textContent = `Chat as ${name}`;
  $("anonymous").before(button);
}
$("signin").addEventListener("click", ({ target }) => {
  if (!(target instanceof HTMLButtonElement)) return;
  const customer = target.dataset.customer ?? null;
  if (chat.begun) {
    chat.signIn(customer);
  } else {
    $("log").replaceChildren();
    bubbles.clear();
    // What the page says by itself is shown to agents, too, but never as verified.
    chat.start(customer, { page: "Desk lamps" });
  }
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
  chat.typing();
});
$("end").addEventListener("click", () => chat.end());
$("leave").addEventListener("click", () => {
  chat.forget();
  $("line").textContent = "You left the chat; nobody ended it";
  line = "none";
  become({ status: "none" });
});

setInterval(countdown, 250);
if (!chat.restore()) render();
