// The shop's page: who is signed in at the shop, what the widget is told, and what the demo shows around it. The chat
// itself is the widget's.

import { tryToEnter } from "./intruder.js";
import { followEvents, showEvent, showFrames } from "./wire.js";

const KEPT = "lamp-and-light";
/** What isn't the page's to say: the first once a token has said it, the second ever, for it is declared as signed. */
const CLAIM = { msdyn_isvip: true, portalcontactid: "somebody-else" };
const NOT_TAKEN = {
  undeclared: "the shop declares no such variable",
  wrong_type: "it is of another type",
  signed_wins: "what the token says stands",
  signed_only: "it is taken from tokens alone",
};

const $ = (id) => document.getElementById(id);
const channel = new BroadcastChannel(KEPT);
const kept = JSON.parse(localStorage.getItem(KEPT) ?? "{}");
const cart = { items: 0, last: "", ...kept.cart };
const tokens = { handsOut: true, seconds: "60", ...kept.tokens };
let customer = null; // who is signed in at the shop
let about = null;

showFrames();

// --- the shop's tokens

/** What every shop's page hands to the widget. */
async function provide() {
  if (!tokens.handsOut) return null;
  const answer = await fetch(`/auth/token?seconds=${tokens.seconds}`);
  return answer.ok ? answer.text() : null;
}

/** The widget asks nobody where nobody is signed in. */
function setProvider() {
  window.Usher?.setAuthTokenProvider(customer ? provide : null);
}

const nameOf = (id) => about.customers.find((one) => one.id === id)?.name ?? id;

async function signIn(id) {
  const body = JSON.stringify({ customer: id });
  const answer = await fetch("/session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  if (!answer.ok) return;
  become(id);
  channel.postMessage({ customer: id });
  if (window.Usher?.getState().conversation) await window.Usher.signIn();
}

async function signOut() {
  await fetch("/session", { method: "DELETE" });
  window.Usher?.signOut();
  become(null);
  channel.postMessage({ customer: null });
}

function become(id) {
  customer = id;
  setProvider();
  say(
    $("who"),
    id
      ? `Signed in at the shop as ${nameOf(id)}`
      : "Nobody is signed in at the shop",
  );
  const buttons = about.customers
    .filter((one) => one.id !== id)
    .map((one) => button(`Sign in as ${one.name}`, () => signIn(one.id)));
  if (id) buttons.push(button("Sign out", signOut));
  $("sign-in").replaceChildren(...buttons);
  render();
}

// --- what the page says by itself

/** What agents are to see of it says so. */
const seen = (value) => ({ value, isDisplayable: true });
const variables = () =>
  cart.items > 0
    ? { cart_items: seen(cart.items), last_added: seen(cart.last) }
    : {};

$("goods").addEventListener("click", ({ target }) => {
  const lamp = target.closest("[data-lamp]")?.dataset.lamp;
  if (!lamp) return;
  Object.assign(cart, { items: cart.items + 1, last: lamp });
  keep();
  tell(variables());
});
$("claim").addEventListener("click", () => tell(CLAIM));

function tell(context) {
  if (window.Usher?.getState().connection === "open")
    window.Usher.setContext(context);
  else say($("taken"), "Nobody is told yet: the chat isn't open.");
}

// --- the thief

$("thief").addEventListener("click", async () => {
  const secrets = JSON.parse(localStorage.getItem(about.kept_under) ?? "null");
  const owner = window.Usher.getState().authentication?.subject ?? customer;
  const other = about.customers.find((one) => one.id !== owner);
  if (!secrets) return;
  $("thief").disabled = true;
  $("answers").replaceChildren();
  try {
    const token = await (
      await fetch(`/auth/token?customer=${other.id}`)
    ).text();
    const answers = await tryToEnter(about.chat_url, secrets, [token]);
    const tried = ["Without a token", `With ${other.name}'s token`];
    answers.forEach(({ type, code, message }, at) => {
      if (type === "error")
        answer(
          "good",
          `${tried[at]}: refused, ${code}. The gateway says: ${message}`,
        );
      else
        answer(
          "bad",
          `${tried[at]}: let in (${type}). A chat that nobody has signed in to is whose secret it is.`,
        );
    });
  } catch (error) {
    answer("bad", `It could not be tried: ${error.message}`);
  }
  render();
});

function answer(kind, text) {
  const item = document.createElement("li");
  item.className = kind;
  item.textContent = text;
  $("answers").append(item);
}

// --- what the widget tells

const on = (name, hear) =>
  addEventListener(`usher:${name}`, ({ detail }) => hear(detail ?? {}));
on("ready", () => {
  setProvider();
  window.Usher.setContextProvider(() => ({
    page: seen("Desk lamps"),
    ...variables(),
  }));
  render();
});
on("error", ({ code, message }) => {
  const isAboutSignIn =
    code === "provider_missing" || code === "provider_empty";
  $("sign-in").classList.toggle("wanted", isAboutSignIn && !customer);
  if (isAboutSignIn)
    say(
      $("taken"),
      customer
        ? "The shop handed out no token: see the switch."
        : "Sign in at the shop first, above.",
    );
  else say($("taken"), message);
});
on("context", ({ accepted, rejected }) => {
  const refused = rejected.map(
    ({ name, reason }) => `not ${name} (${NOT_TAKEN[reason] ?? reason})`,
  );
  say(
    $("taken"),
    [
      ...(accepted.length > 0 ? [`Taken: ${accepted.join(", ")}`] : []),
      ...refused,
    ].join("; "),
  );
});
for (const name of [
  "started",
  "authentication",
  "connection",
  "ended",
  "cleared",
])
  on(name, render);

// --- what the page shows

function render() {
  $("sign-in").classList.toggle(
    "wanted",
    $("sign-in").classList.contains("wanted") && !customer,
  );
  say(
    $("cart"),
    cart.items > 0
      ? `In the cart: ${cart.items}, last ${cart.last}.`
      : "The cart is empty.",
  );
  const state = window.Usher?.getState();
  const { authentication, was_authenticated: was, conversation } = state ?? {};
  const status =
    conversation && authentication ? authentication.status : "none";
  const until =
    status === "authenticated" ? Date.parse(authentication.expires_at) : 0;
  const left = Math.max(0, (until - Date.now()) / 1000);
  const texts = {
    none: window.Usher
      ? "No chat yet: open it in the corner."
      : "The widget is not loaded.",
    anonymous: was
      ? "The chat goes on without sign-in."
      : "The chat is without sign-in.",
    authenticated: `The chat is signed in as ${about && nameOf(authentication?.subject)}, ${Math.ceil(left)} s left.`,
  };
  $("state").dataset.status =
    status === "anonymous" && was ? "downgraded" : status;
  say($("state"), texts[status]);
  $("left").hidden = until === 0;
  $("left").value = Math.min(1, left / Number(tokens.seconds));
  $("fetch").disabled = !customer || !conversation;
  $("thief").disabled = !was || !conversation;
  $("hands-out").checked = tokens.handsOut;
  $("seconds").value = tokens.seconds;
}

function keep() {
  localStorage.setItem(KEPT, JSON.stringify({ cart, tokens }));
  render();
}

function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function button(text, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", act);
  return made;
}

// --- the other tabs

$("hands-out").addEventListener("change", () => {
  tokens.handsOut = $("hands-out").checked;
  keep();
});
$("seconds").addEventListener("change", () => {
  tokens.seconds = $("seconds").value;
  keep();
});
$("fetch").addEventListener("click", () => window.Usher.signIn());
addEventListener("storage", ({ key, newValue }) => {
  if (key !== KEPT || !newValue) return;
  const { cart: theirs, tokens: settings } = JSON.parse(newValue);
  Object.assign(cart, theirs);
  Object.assign(tokens, settings);
  render();
});
channel.addEventListener("message", ({ data }) => {
  if (data.event) showEvent(data.event);
  else if (about) become(data.customer);
});

// One tab has the console and follows the events, and tells the others: a browser has six connections for all of them.
navigator.locks.request(KEPT, () => {
  $("elsewhere").hidden = true;
  $("console").hidden = false;
  $("console").src = "/console";
  followEvents((event) => {
    showEvent(event);
    channel.postMessage({ event });
  });
  return new Promise(() => {});
});

about = await (await fetch("/demo.json")).json();
const other =
  about.hosts.find((host) => host !== location.host) ?? about.hosts[0];
$("another").href = `http://${other}/`;
become((await (await fetch("/session")).json()).customer);
setInterval(render, 500);
