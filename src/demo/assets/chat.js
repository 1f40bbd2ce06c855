// One conversation over `usher.v1`: begin, come back, sign in, send. It knows nothing of the page; the page gets
// told through `tell`.

const STORED = "usher-demo-chat";
const RECONNECT_FIRST_MS = 500;
const RECONNECT_MOST_MS = 20_000;
const INTERNAL_FAULTS_MOST = 5;

/** Whether a socket closed with this code is to be opened again, by the protocol's table. */
function comesBack(code) {
  return [1001, 1005, 1006, 1011, 1012, 1013].includes(code) || (code >= 4000 && code <= 4499);
}

/** 128 random bits as base64url. */
function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export class Chat {
  #url;
  #token;
  #tell;
  #current = null; // the socket that is in the conversation
  #joining = null; // {socket, customer}: one that is about to be
  #timer = 0;
  #attempts = 0;
  #internalFaults = 0;
  #seen = 0;
  #kept = null;

  /**
   * @param url where the widget connects
   * @param token asks the shop for a customer's token
   * @param tell {frame, line, refused, closed, accepted}
   */
  constructor(url, token, tell) {
    this.#url = url;
    this.#token = token;
    this.#tell = tell;
  }

  get open() {
    return this.#current !== null;
  }

  get begun() {
    return this.#kept !== null;
  }

  get customer() {
    return this.#kept?.customer ?? null;
  }

  /** Takes up the conversation of before the page's reload, if there was one. */
  restore() {
    this.#kept = JSON.parse(sessionStorage.getItem(STORED) ?? "null");
    if (this.#kept) {
      for (const { id, text } of this.#kept.pending) this.#tell.sending(id, text);
      this.#join(this.#kept.customer);
    }
    return this.begun;
  }

  /** Begins a conversation, as the customer or, with null, without signing in. */
  start(customer, context) {
    this.forget();
    this.#kept = { key: randomKey(), context, customer, pending: [] };
    this.#join(customer);
  }

  /** Signs in within the conversation: comes back to it with a token, and lets the former socket go if that holds. */
  signIn(customer) {
    this.#join(customer);
  }

  send(text) {
    const message = { id: crypto.randomUUID(), text };
    this.#kept.pending.push(message);
    this.#keep();
    this.#tell.sending(message.id, text);
    this.#say({ type: "message", ...message });
  }

  typing() {
    this.#say({ type: "typing" });
  }

  end() {
    this.#say({ type: "end" });
  }

  /** Leaves the conversation and forgets it on this page. */
  forget() {
    clearTimeout(this.#timer);
    const sockets = [this.#current, this.#joining?.socket];
    this.#current = this.#joining = this.#kept = null;
    this.#seen = this.#attempts = this.#internalFaults = 0;
    for (const socket of sockets) socket?.close(1000);
    sessionStorage.removeItem(STORED);
  }

  #keep() {
    sessionStorage.setItem(STORED, JSON.stringify(this.#kept));
  }

  #say(frame) {
    if (this.#current?.readyState === WebSocket.OPEN) this.#current.send(JSON.stringify(frame));
  }

  #firstFrame(token) {
    const { conversation, resume_token, key, context } = this.#kept;
    const signed = token ? { token } : {};
    if (!conversation) {
      return { type: "start", locale: navigator.language, context, idempotency_key: key, ...signed };
    }
    // After a reload the page is empty, and everything is replayed.
    const after = this.#seen > 0 ? { after: this.#seen } : {};
    return { type: "resume", conversation, resume_token, ...after, ...signed };
  }

  async #join(customer) {
    clearTimeout(this.#timer);
    this.#joining?.socket?.close(1000);
    const joining = { socket: null, customer };
    this.#joining = joining;
    this.#tell.line("connecting");
    let token = null;
    try {
      if (customer) token = await this.#token(customer);
    } catch {
      if (this.#joining !== joining) return;
      this.#joining = null;
      const why = "the shop's token service does not answer";
      if (this.#current) this.#tell.line("open", why);
      else this.#comeBack(why, 0);
      return;
    }
    if (this.#joining !== joining) return;
    const socket = new WebSocket(this.#url, "usher.v1");
    joining.socket = socket;
    socket.onopen = () => socket.send(JSON.stringify(this.#firstFrame(token)));
    socket.onmessage = ({ data }) => this.#frame(socket, JSON.parse(data));
    socket.onclose = (closed) => this.#closed(socket, closed);
  }

  #frame(socket, frame) {
    const joins = this.#joining?.socket === socket;
    if (!joins && this.#current !== socket) return;
    if (frame.type === "started" || frame.type === "resumed") return this.#joined(socket, frame);
    if (frame.type === "error") return this.#error(socket, joins, frame);
    if (frame.resume_token) this.#kept.resume_token = frame.resume_token;
    // What came on the former socket already isn't shown twice; a message that is stored once may be accepted twice.
    const known = frame.sequence !== undefined && frame.sequence <= this.#seen;
    this.#seen = Math.max(this.#seen, frame.sequence ?? 0);
    const own = frame.type === "accepted" || (frame.type === "message" && frame.from === "customer");
    if (own && frame.id && this.#settled(frame.id)) return this.#tell.accepted(frame.id, frame);
    if (frame.type !== "accepted" && !known) this.#tell.frame(frame);
  }

  #settled(id) {
    const at = this.#kept.pending.findIndex((message) => message.id === id);
    if (at >= 0) this.#kept.pending.splice(at, 1);
    this.#keep();
    return at >= 0;
  }

  #joined(socket, frame) {
    const former = this.#current;
    this.#current = socket;
    const { customer } = this.#joining;
    this.#joining = null;
    this.#attempts = 0;
    if (former !== socket) former?.close(1000);
    const { conversation, resume_token } = frame;
    const signedIn = frame.authentication.status === "authenticated" ? customer : null;
    Object.assign(this.#kept, { conversation, resume_token, customer: signedIn ?? this.#kept.customer });
    if (frame.type === "started") this.#seen = frame.sequence;
    this.#keep();
    this.#tell.line("open");
    this.#tell.frame(frame);
    // Sending again with the same id is safe: each is stored once.
    for (const message of this.#kept.pending) this.#say({ type: "message", ...message });
  }

  #error(socket, joins, error) {
    this.#tell.frame(error);
    const pending = this.#kept.pending.find((message) => message.id === error.in_reply_to);
    if (pending && error.temporary) {
      setTimeout(() => {
        if (this.#kept?.pending.includes(pending)) this.#say({ type: "message", ...pending });
      }, error.retry_after_ms ?? 1000);
    } else if (pending) {
      this.#settled(pending.id);
      this.#tell.refused(pending.id);
    }
    if (!joins || error.temporary) return;
    // The former socket, if there is one, stays; otherwise the conversation waits for another try.
    this.#joining = null;
    socket.close(1000);
    if (["unknown_conversation", "conversation_ended"].includes(error.code) || !this.#kept.conversation) {
      this.#end(error.message);
    } else {
      this.#tell.line(this.#current ? "open" : "refused");
    }
  }

  #closed(socket, { code, reason }) {
    if (this.#joining?.socket === socket) this.#joining = null;
    else if (this.#current === socket) this.#current = null;
    else return;
    // The other socket of a sign-in decides what follows.
    if (this.#current) this.#tell.line("open");
    if (this.#current || this.#joining) return;
    const [slug, ...pairs] = reason.split(";");
    const wait = Number(pairs.find((pair) => pair.startsWith("retry_after_ms="))?.split("=")[1] ?? 0);
    this.#internalFaults += code === 1011 ? 1 : 0;
    if (comesBack(code) && this.#internalFaults <= INTERNAL_FAULTS_MOST) {
      this.#comeBack(slug || "the connection was lost", wait);
    } else {
      this.#end(code === 1000 ? "" : `closed by the gateway: ${slug || code}`);
    }
  }

  #comeBack(why, announcedMs) {
    const most = Math.min(RECONNECT_MOST_MS, RECONNECT_FIRST_MS * 2 ** ++this.#attempts);
    const jitter = RECONNECT_FIRST_MS + Math.random() * (most - RECONNECT_FIRST_MS);
    this.#tell.line("waiting", why, announcedMs + jitter);
    this.#timer = setTimeout(() => this.#join(this.#kept.customer), announcedMs + jitter);
  }

  #end(why) {
    this.forget();
    this.#tell.line("ended", why);
  }
}
