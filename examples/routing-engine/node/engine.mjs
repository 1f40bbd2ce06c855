#!/usr/bin/env node
// A routing engine for usher: follows the events, routes by verified variables, greets, and asks to sign in.
//
// It keeps nothing but its place in the stream. After a crash, its own or usher's, it goes on there and does some
// things again; every write is made so that doing it twice is doing it once.

import { open, readFile, rename } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const { env } = process;
const USHER = (env.USHER_URL ?? "http://127.0.0.1:8081").replace(/\/+$/, "");
const PLACE = env.ENGINE_PLACE ?? "engine.place";
const AGENTS = { vip: ["ada", "grace"], general: ["alan", "barbara", "edsger"] };
// What nobody is told who has not signed in.
const PRIVATE = /order|invoice|refund/i;

// Milliseconds. Usher gives a sign of life every 15 s.
const ANSWER_WITHIN = 10_000;
const SILENCE_MAX = 40_000;
const BACKOFF_FIRST = 500;
const BACKOFF_MAX = 20_000;

/** @typedef {{ raw: unknown, value: unknown, verified: boolean }} Variable */
/** @typedef {{ id: string, type: string, subject: string, data: Record<string, any> }} Event */

/** Trying again would change nothing. */
class Hopeless extends Error {}

/** Another try may help, after so many milliseconds at the earliest. */
class Temporary extends Error {
  constructor(/** @type {string} */ message, wait = 0) {
    super(message);
    this.wait = wait;
  }
}

/** An access token, and until when it is used. */
let access = { token: "", until: 0 };

/** How this program says who it is: by an access token where it has a client's secret, else by an API key. */
async function authorization() {
  if (env.USHER_API_KEY) return `Bearer ${env.USHER_API_KEY}`;
  if (Date.now() >= access.until) {
    const client = Buffer.from(`${env.USHER_CLIENT_ID}:${env.USHER_CLIENT_SECRET}`).toString("base64");
    const answer = await fetch(`${USHER}/oauth/token`, {
      method: "POST",
      headers: { authorization: `Basic ${client}` },
      body: new URLSearchParams({ grant_type: "client_credentials" }),
      signal: AbortSignal.timeout(ANSWER_WITHIN),
    });
    if (!answer.ok) throw await fault(answer);
    const { access_token: token, expires_in: seconds } = await answer.json();
    // A tenth before its end, so that none runs out on its way.
    access = { token, until: Date.now() + 900 * seconds };
  }
  return `Bearer ${access.token}`;
}

/** What an answer that is no success means. */
async function fault(/** @type {Response} */ answer, problem = undefined) {
  problem ??= await answer.json().catch(() => ({}));
  const { status } = answer;
  const isTokenGone = status === 401 && access.token !== "";
  if (isTokenGone) access = { token: "", until: 0 }; // taken back before its time: the next try gets a new one
  const told = `${status} ${problem.code ?? problem.error}: ${problem.detail ?? problem.error_description}`;
  if (isTokenGone || status === 408 || status === 429 || status >= 500) {
    return new Temporary(told, 1000 * (Number(answer.headers.get("retry-after")) || 0));
  }
  return new Hopeless(told);
}

/** Calls usher. A conversation that is over, or gone, needs nothing more: that is no fault. */
async function call(/** @type {string} */ method, /** @type {string} */ path, /** @type {object=} */ body) {
  const answer = await fetch(USHER + path, {
    method,
    headers: { authorization: await authorization(), "content-type": "application/json" },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(ANSWER_WITHIN),
  });
  const text = await answer.text();
  const content = text ? JSON.parse(text) : {};
  if (answer.ok) return content;
  if (["conversation_ended", "unknown_conversation"].includes(content.code)) return {};
  throw await fault(answer, content);
}

/** A variable's value where a token that stands vouches for it. What a page says by itself decides nothing. */
const verified = (/** @type {Record<string, Variable>} */ variables, /** @type {string} */ name) =>
  variables[name]?.verified ? variables[name].value : undefined;

/** Puts the conversation where its verified variables say; a downgrade verifies none, so it leads back. */
async function route(/** @type {Event} */ { subject, data: { variables } }) {
  const isVip = verified(variables, "msdyn_isvip") === true || verified(variables, "msdyn_cartvalue") > 1000;
  const queue = isVip ? "vip" : "general";
  const agent = AGENTS[queue][parseInt(subject.slice(-4), 16) % AGENTS[queue].length];
  await call("PUT", `/v1/conversations/${subject}/assignment`, { queue, agent });
  console.log(`${subject}: ${queue}, ${agent}`);
}

const askToSignIn = (/** @type {Event} */ { id, subject }, /** @type {string} */ message) =>
  call("POST", `/v1/conversations/${subject}/authentication-request`, { id: `ask:${id}`, message });

async function downgraded(/** @type {Event} */ event) {
  await route(event);
  if (event.data.reason === "signed_out") return; // who signs out wants to be out
  await askToSignIn(event, "Your sign-in has ended. Please sign in again.");
}

async function message(/** @type {Event} */ event) {
  const { id, subject, data: said } = event;
  if (said.from !== "customer") return;
  const path = `/v1/conversations/${subject}`;
  // Asked of the journal, not of this program's memory, which does not outlive it.
  const { items: history = [] } = await call("GET", `${path}/events`);
  const first = history.find((/** @type {Event} */ one) => one.data.from === "customer");
  if (first?.id === id) {
    // The event's id makes the answer's: the same again is the same answer, however often it is sent.
    const text = "Hello! Somebody will be with you in a moment.";
    await call("POST", `${path}/messages`, { id: `greet:${id}`, from: "bot", text });
    console.log(`${subject}: greeted`);
  }
  if (!said.authenticated && PRIVATE.test(said.text)) {
    await askToSignIn(event, "Please sign in, so that we may talk about your order.");
  }
}

/** @type {Record<string, (event: Event) => Promise<unknown>>} */
const HANDLERS = {
  "usher.conversation.started": route,
  "usher.conversation.authenticated": route,
  "usher.conversation.context": route,
  "usher.conversation.downgraded": downgraded,
  "usher.conversation.message": message,
};

/** The stream from the place that is kept, or from now on: each record's place, and its event where it has one. */
async function* records() {
  const place = await readFile(PLACE, "utf8").catch(() => "");
  const headers = { authorization: await authorization(), accept: "text/event-stream" };
  if (place) headers["last-event-id"] = place;
  const silence = new AbortController();
  const watch = setTimeout(() => silence.abort(new Temporary("the stream fell silent")), SILENCE_MAX);
  try {
    const path = `/v1/events?after=latest&types=${Object.keys(HANDLERS)}`;
    const answer = await fetch(USHER + path, { headers, signal: silence.signal });
    if (!answer.ok) throw await fault(answer);
    let text = "";
    for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
      watch.refresh();
      const whole = (text + chunk).split("\n\n");
      text = whole.pop() ?? "";
      for (const record of whole) {
        const field = Object.fromEntries(record.split("\n").map((line) => line.split(/: (.*)/s)));
        yield { place: field.id, /** @type {Event=} */ event: field.data && JSON.parse(field.data) };
      }
    }
  } finally {
    clearTimeout(watch);
  }
}

/** Replaces the file as a whole: whoever reads it finds the old place or the new one. */
async function keep(/** @type {string} */ place) {
  const file = await open(`${PLACE}.new`, "w");
  await file.writeFile(place);
  await file.sync();
  await file.close();
  await rename(`${PLACE}.new`, PLACE);
}

for (let tries = 1; ; tries += 1) {
  let wait = 0;
  try {
    for await (const { place, event } of records()) {
      if (event) await HANDLERS[event.type](event);
      if (place) await keep(place); // after the event was handled: a crash before repeats it, one after does not
      tries = 0;
    }
  } catch (error) {
    console.error(`engine: ${error.message}`);
    if (error instanceof Hopeless) process.exit(1);
    wait = error.wait ?? 0;
  }
  // Full jitter: of a thousand engines that lost the same gateway, no two come back at once.
  await sleep(wait + Math.random() * Math.min(BACKOFF_MAX, BACKOFF_FIRST * 2 ** tries));
}
