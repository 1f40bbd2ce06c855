// One conversation over `usher.v1`: begin, come back, sign in and out, send. It knows nothing of the page; the page
// gets told through `tell`. The tabs of a browser are in the same conversation, each with a socket of its own.

import { Reconnect } from "./reconnect.js";

const SIGNED_OUT = 4504;
/** How long a tab waits for the gateway's own word once another tab has forgotten the conversation. */
const FOLLOW_MS = 1000;
const NO_TOKEN = "the shop's token service does not answer";

/** 128 random bits as base64url. */
function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export class Chat {
  #url;
  #token;
  #tabs;
  #tell;
  #kept = null; // {key, context, customer, takeUp, conversation, resume_token}: what the tabs share, as last seen
  #pending = []; // messages that are not known to be stored
  #socket = null;
  #joined = false; // the socket is in the conversation
  #wanted = null; // who is about to sign in where the first frame was refused
  #used = null; // the resume_token of the last `resume`
  #round = 0; // which attempt to connect counts
  #timer = 0;
  #following = 0;
  #reconnect = new Reconnect();
  #seen = 0; // the greatest sequence
  #past = 0; // what is replayed goes up to here
  #readUpTo = 0;

  /**
   * @param url where the widget connects
   * @param token asks the shop for a customer's token
   * @param tabs what the tabs share
   * @param tell {frame, line, sending, accepted, refused, clear}
   */
  constructor(url, token, tabs, tell) {
    this.#url = url;
    this.#token = token;
    this.#tabs = tabs;
    this.#tell = tell;
    tabs.onChange(() => this.#changed());
  }

  get begun() {
    return this.#kept !== null;
  }

  /** Who has signed in in this conversation. */
  get customer() {
    return this.#kept?.customer ?? null;
  }

  /** Takes up this browser's conversation, if there is one. */
  restore() {
    this.#kept = this.#tabs.get("chat");
    if (!this.#kept) return false;
    const own = this.#tabs.own("pending");
    this.#pending = own?.key === this.#kept.key ? own.messages : [];
    for (const { id, text } of this.#pending) this.#tell.sending(id, text);
    this.#join();
    return true;
  }

  /** Begins a conversation as the customer, or takes up the customer's last; with null, without signing in. */
  start(customer, context, takeUp) {
    this.forget();
    this.#kept = { key: randomKey(), context, customer, takeUp: takeUp && customer !== null };
    this.#tabs.set("chat", this.#kept);
    this.#join();
  }

  /** Signs in within the conversation, or brings a fresh token. Refused, it changes nothing. */
  async signIn(customer) {
    if (!this.#joined) {
      this.#wanted = customer;
      return this.#join();
    }
    const socket = this.#socket;
    try {
      const token = await this.#token(customer);
      if (this.#socket === socket) this.say({ type: "authenticate", token });
    } catch {
      if (this.#socket === socket) this.#tell.line("open", NO_TOKEN);
    }
  }

  /** Sends a frame that may be lost: `typing`, `set_context`, `sign_out`, `end`. */
  say(frame) {
    if (this.#joined) this.#socket.send(JSON.stringify(frame));
  }

  /** Sends a message, again and again until the gateway has stored it. */
  send(text) {
    const message = { id: crypto.randomUUID(), text };
    this.#pending.push(message);
    this.#keepPending();
    this.#tell.sending(message.id, text);
    this.say({ type: "message", ...message });
  }

  /** The customer has seen everything up to here. */
  read(sequence) {
    if (!this.#joined || sequence <= this.#readUpTo) return;
    this.#readUpTo = sequence;
    this.say({ type: "read", sequence });
  }

  /** Leaves the conversation and forgets it in all tabs; the gateway keeps it. */
  forget() {
    if (this.#kept && this.#tabs.get("chat")?.key === this.#kept.key) this.#tabs.remove("chat");
    this.#leave();
  }

  /** Leaves the conversation in this tab. */
  #leave() {
    clearTimeout(this.#timer);
    clearTimeout(this.#following);
    const socket = this.#socket;
    this.#socket = this.#kept = this.#wanted = null;
    this.#joined = false;
    this.#pending = [];
    this.#round += 1;
    this.#seen = this.#past = this.#readUpTo = 0;
    this.#reconnect = new Reconnect();
    this.#tabs.remove("pending");
    socket?.close(1000);
  }

  /** Another tab has written. Ended and signed out: the gateway says so itself, in a moment and in its own words. */
  #changed() {
    const stored = this.#tabs.get("chat");
    clearTimeout(this.#following);
    if (stored?.key !== this.#kept?.key) {
      this.#following = setTimeout(() => this.#follow(), stored ? 0 : FOLLOW_MS);
    } else if (stored) {
      this.#kept = stored;
    }
  }

  /** Does as another tab has done: leaves, or goes on with another conversation once that has begun. */
  #follow() {
    const stored = this.#tabs.get("chat");
    if (stored?.key === this.#kept?.key || (stored && !stored.conversation)) return;
    this.#leave();
    this.#tell.clear();
    if (!this.restore()) this.#tell.line("ended", "another tab of this browser has left it");
  }

  /** Writes what is new for all tabs, unless another has forgotten the conversation meanwhile. */
  #keep(changes) {
    const stored = this.#tabs.get("chat");
    if (stored?.key !== this.#kept.key) return;
    this.#kept = { ...stored, ...changes };
    const same = Object.keys(changes).every((name) => stored[name] === changes[name]);
    if (!same) this.#tabs.set("chat", this.#kept);
  }

  #keepPending() {
    this.#tabs.setOwn("pending", { key: this.#kept.key, messages: this.#pending });
  }

  #firstFrame(token) {
    const { conversation, resume_token, key, context, takeUp } = this.#kept;
    const signed = token ? { token } : {};
    this.#used = resume_token;
    if (!conversation) {
      const start = { type: "start", locale: navigator.language, context, idempotency_key: key, ...signed };
      return takeUp ? { ...start, continue: true } : start;
    }
    // After a reload the page is empty, and everything is replayed.
    const after = this.#seen > 0 ? { after: this.#seen } : {};
    return { type: "resume", conversation, resume_token, ...after, ...signed };
  }

  async #join() {
    clearTimeout(this.#timer);
    const stored = this.#tabs.get("chat");
    if (stored?.key !== this.#kept.key) return this.#follow();
    this.#kept = stored; // another tab may have signed in
    const former = this.#socket;
    this.#socket = null;
    former?.close(1000);
    this.#round += 1;
    const round = this.#round;
    this.#tell.line("connecting");
    const customer = this.#wanted ?? this.#kept.customer;
    let token = null;
    try {
      if (customer) token = await this.#token(customer);
    } catch {
      if (this.#round === round) this.#comeBack(NO_TOKEN, "");
      return;
    }
    if (this.#round !== round) return;
    const socket = new WebSocket(this.#url, "usher.v1");
    this.#socket = socket;
    const current = (act) => (event) => this.#socket === socket && act(event);
    socket.onopen = current(() => socket.send(JSON.stringify(this.#firstFrame(token))));
    socket.onmessage = current(({ data }) => this.#frame(JSON.parse(data)));
    socket.onclose = current((closed) => this.#closed(closed));
  }

  #frame(frame) {
    if (frame.type === "started" || frame.type === "resumed") return this.#enter(frame);
    if (frame.type === "error") return this.#error(frame);
    const past = frame.sequence <= this.#past && frame.reason !== "unchanged";
    if (frame.type === "authentication" && !past) this.#keepSignIn(frame);
    this.#seen = Math.max(this.#seen, frame.sequence ?? 0);
    const own = frame.type === "accepted" || (frame.type === "message" && frame.from === "customer");
    if (own && frame.id && this.#settled(frame.id)) return this.#tell.accepted(frame.id, frame);
    if (frame.type !== "accepted") this.#tell.frame(frame, past);
  }

  /** The first sign-in replaces the resume_token; the other tabs come back with it and with a token of their own. */
  #keepSignIn({ authentication, resume_token }) {
    const replaced = resume_token ? { resume_token } : {};
    const signedIn = authentication.status === "authenticated" ? { customer: authentication.subject } : {};
    this.#keep({ ...replaced, ...signedIn });
  }

  #settled(id) {
    const at = this.#pending.findIndex((message) => message.id === id);
    if (at >= 0) this.#pending.splice(at, 1);
    this.#keepPending();
    return at >= 0;
  }

  #enter(frame) {
    this.#joined = true;
    this.#wanted = null;
    this.#reconnect.held();
    const { type, sequence, conversation } = frame;
    this.#keep({ conversation });
    this.#keepSignIn(frame);
    this.#past = sequence;
    if (type === "started") this.#seen = sequence;
    this.#tell.line("open");
    this.#tell.frame(frame, false);
    // Sending again with the same id is safe: each is stored once.
    for (const message of this.#pending) this.say({ type: "message", ...message });
  }

  #error(error) {
    const { code, message, temporary, retry_after_ms, in_reply_to } = error;
    const replaced = code === "unknown_conversation" && this.#tabs.get("chat")?.resume_token !== this.#used;
    if (!this.#joined && replaced) return this.#join();
    this.#tell.frame(error, false);
    const pending = this.#pending.find(({ id }) => id === in_reply_to);
    if (pending && temporary) {
      setTimeout(() => {
        if (this.#pending.includes(pending)) this.say({ type: "message", ...pending });
      }, retry_after_ms ?? 1000);
    } else if (pending) {
      this.#settled(pending.id);
      this.#tell.refused(pending.id);
    }
    if (this.#joined || temporary) return;
    // The first frame was refused. The conversation, if there is one, waits for another try.
    if (code === "unknown_conversation" || !this.#kept.conversation) return this.#end(message);
    const [socket, wanted, { customer }] = [this.#socket, this.#wanted, this.#kept];
    this.#socket = this.#wanted = null;
    socket.close(1000);
    if (wanted && customer && wanted !== customer) this.#join(); // as who it was before the try
    else this.#tell.line("refused");
  }

  #closed({ code, reason }) {
    this.#socket = null;
    this.#joined = false;
    if (code === SIGNED_OUT) return this.#signedOut();
    const [slug] = reason.split(";");
    if (this.#reconnect.comesBack(code)) this.#comeBack(slug, reason);
    else this.#end(code === 1000 ? "" : slug || String(code));
  }

  #comeBack(why, reason) {
    const wait = this.#reconnect.wait(reason);
    this.#tell.line("waiting", why, wait);
    this.#timer = setTimeout(() => this.#join(), wait);
  }

  #end(why) {
    this.forget();
    this.#tell.line("ended", why);
  }

  #signedOut() {
    const stored = this.#tabs.get("chat");
    if (!stored || stored.key === this.#kept.key) this.#tabs.removeAll();
    this.#leave();
    this.#tell.clear();
    this.#tell.line("signed_out");
  }
}
