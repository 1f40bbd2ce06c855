// One conversation over `usher.v1`, as a page sees it.

import { ACCEPTED_MS, Connection } from "./connection.ts";
import { randomKey, type Environment } from "./environment.ts";
import { Events } from "./events.ts";
import { fault } from "./fault.ts";
import type { Authenticated, Entered, Inbound, Refusal } from "./frames.ts";
import { Messages } from "./messages.ts";
import { Opening } from "./opening.ts";
import { load, unknownWidget, unreachable } from "./settings.ts";
import type { Link } from "./socket.ts";
import { Shelf, type Kept } from "./storage.ts";
import type * as Types from "./types.ts";
import { find } from "./token/provider.ts";
import { issued, Refresher, TRIES } from "./token/refresher.ts";
import { Share } from "./token/share.ts";
import { SAME_S, Tokens } from "./token/tokens.ts";
import type { Token } from "./token/jwt.ts";

/** How often the gateway is told that the customer is typing, in milliseconds. */
export const TYPING_MS = 3000;
/** How often it is told what was read, in milliseconds. */
export const READ_MS = 1000;
/** How long to wait with what was refused for now, where the gateway doesn't say, in milliseconds. */
export const RETRY_MS = 1000;
/** A tab leaves it to the one that got a token to present it for so long, in milliseconds. */
export const OTHERS_MS = 3000;
/** The longest message, until the gateway has told. */
export const MESSAGE_CHARACTERS = 6000;
/** After how many failed attempts the page hears that the gateway can't be reached. */
const UNREACHABLE_ATTEMPTS = 3;
/** How often a conversation may be unknown after a 4004: the tab that signed in may not have stored the new secret. */
const PATIENCE = 3;

type Served = Exclude<Inbound, Entered | Refusal | { type: "accepted" }>;

interface Pending {
  promise: Promise<void>;
  resolve: () => void;
  reject: (error: Types.ChatError) => void;
}

export class Client implements Types.Chat {
  #env: Environment;
  #options: Types.ChatOptions;
  #events = new Events();
  #messages = new Messages();
  #shelf: Shelf;
  #share: Share;
  #tokens: Tokens;
  #refresher: Refresher;
  #opening: Opening;
  #connection: Connection;

  #tokenProvider: Types.AuthTokenProvider | null = null;
  #contextProvider: Types.ContextProvider | null = null;
  #settings: Types.Settings | null = null;
  #settingsFault: Types.ChatError | null = null;
  #asking: Promise<Types.Settings> | null = null;

  /** The conversation that this tab has been in, and what is shown of it. */
  #kept: Kept | null = null;
  #authentication: Types.Authentication | null = null;
  #wasAuthenticated = false;
  #queue: string | null = null;
  #agent: string | null = null;
  #limits: Types.Limits | null = null;
  /** The greatest sequence; what was before this tab came; and what was before this socket came. */
  #seen = 0;
  #past = 0;
  #replayed = 0;
  /** The conversation has ended. */
  #over = false;

  #starting: Pending | null = null;
  /** Only a token helps. */
  #blocked = false;
  /** How often an unknown conversation is taken for one whose new `resume_token` is still on its way. */
  #patience = 0;
  #signIns: ((authenticated: boolean) => void)[] = [];
  #authenticateTries = 0;
  #context: Types.Context = {};
  #ending = false;
  #sent = new Set<string>();
  #resumeSending = () => {};
  #pausedUntil = 0;
  #typed = -Infinity;
  #read = 0;
  #readTold = 0;
  #readTimer: (() => void) | null = null;

  constructor(options: Types.ChatOptions, env: Environment) {
    const gateway = options.gateway.replace(/\/+$/, "");
    this.#options = { ...options, gateway };
    this.#env = env;
    const { tenant, widget } = options;
    const name = `usher:${tenant}/${widget}`;
    this.#shelf = new Shelf(env, name);
    this.#share = new Share(env, name, {
      token: () => this.#tokens.own?.text ?? null,
      heard: (text) => this.#heard(text),
      cleared: (conversation, reason) => this.#clearedElsewhere(conversation, reason),
    });
    this.#tokens = new Tokens(env, this.#share, () => this.#provider());
    this.#refresher = new Refresher(
      env,
      this.#tokens,
      (token) => this.#refreshed(token),
      (error) => error.code === "provider_missing" || this.#fail(error),
    );
    this.#opening = new Opening(
      env,
      {
        settings: () => this.#settingsOnce(),
        kept: () => (this.#kept?.resume_token ? this.#kept : null),
        seen: (conversation) => (conversation === this.#kept?.conversation ? this.#seen : 0),
        contextProvider: () => this.#contextProvider,
        context: () => this.#context,
        error: (error) => this.#fail(error),
      },
      this.#shelf,
      this.#share,
      this.#tokens,
      options.locale ?? env.language(),
    );
    this.#connection = new Connection(env, `${gateway.replace(/^http/, "ws")}/chat/${tenant}/${widget}`, {
      prepare: async (counts) => {
        try {
          return await this.#opening.frame(counts);
        } catch (error) {
          if (counts()) this.#stuck(error as Types.ChatError);
          return null;
        }
      },
      resume: () => this.#opening.resume(),
      frame: (frame, link) => this.#frame(frame, link),
      state: (detail) => this.#events.emit("connection", detail),
      lost: (code, attempt, link) => this.#lost(code, attempt, link),
      stopped: (code, reason, link) => this.#stopped(code, reason, link),
    });
  }

  settings(): Promise<Types.Settings> {
    return (this.#asking ??= load(this.#env, this.#options).then(
      (settings) => (this.#settings = settings),
      (error: Types.ChatError) => {
        this.#asking = null;
        this.#settingsFault = error;
        throw error;
      },
    ));
  }

  hasConversation(): boolean {
    return !this.#over && !!(this.#shelf.read() ?? this.#kept?.resume_token);
  }

  start(): Promise<void> {
    if (this.#connection.joined) return Promise.resolve();
    const { state } = this.#connection;
    if (this.#over) this.#reset("new_conversation");
    this.#starting ??= pending();
    const { promise } = this.#starting;
    if (state === "idle" || state === "ended") {
      this.#blocked = this.#opening.asked = false;
      this.#opening.refusal = null;
      void this.#connection.connect();
    }
    return promise;
  }

  disconnect(): void {
    this.#stop({ state: "idle" }, fault("connection_closed", "The page has disconnected.", "Call start."));
  }

  leave(): void {
    this.#forget("left");
  }

  send(text: string): Types.Message {
    const { state } = this.#connection;
    if (state === "idle" || state === "ended") void this.start();
    const most = this.#limits?.message_characters ?? MESSAGE_CHARACTERS;
    const at = new Date(this.#env.now()).toISOString();
    const message = this.#messages.write(randomKey(this.#env), text, at, most);
    this.#tell(message);
    this.#flush();
    return message;
  }

  retry(id: string): void {
    const { state } = this.#connection;
    const message = this.#messages.again(id);
    if (!message) return;
    this.#tell(message);
    if (state === "idle" || state === "ended") void this.start();
    this.#flush();
  }

  typing(): void {
    const now = this.#env.now();
    if (now - this.#typed < TYPING_MS) return;
    this.#typed = now;
    this.#connection.say({ type: "typing" });
  }

  read(sequence: number): void {
    this.#read = Math.max(this.#read, sequence);
    this.#tellRead();
  }

  setContext(context: Types.Context): void {
    this.#context = { ...this.#context, ...context };
    this.#tellContext();
  }

  async signIn(): Promise<boolean> {
    // A page's own provider may open a window, which browsers allow right after a click.
    if (!this.#tokenProvider) await this.#settingsOnce();
    try {
      await this.#tokens.ask();
    } catch (error) {
      this.#fail(error as Types.ChatError);
      return false;
    }
    const { state } = this.#connection;
    const idle = state === "idle" || state === "ended";
    if (idle && !this.hasConversation()) return false;
    const signedIn = new Promise<boolean>((resolve) => this.#signIns.push(resolve));
    if (idle) this.start().catch(() => this.#settle(false));
    else this.#authenticate();
    return signedIn;
  }

  signOut(): void {
    this.#connection.say({ type: "sign_out" });
    this.#forget("signed_out");
  }

  end(): void {
    if (this.#over || !this.hasConversation()) return;
    this.#ending = true;
    void this.start();
    this.#connection.say({ type: "end" });
  }

  setAuthTokenProvider(provider: Types.AuthTokenProvider | null): void {
    this.#tokenProvider = provider;
    if (provider && this.#blocked) void this.start();
  }

  getAuthTokenProvider(): Types.AuthTokenProvider | null {
    return this.#tokenProvider;
  }

  setContextProvider(provider: Types.ContextProvider | null): void {
    this.#contextProvider = provider;
  }

  getContextProvider(): Types.ContextProvider | null {
    return this.#contextProvider;
  }

  getState(): Types.ChatState {
    return {
      connection: this.#connection.state,
      conversation: this.#kept?.conversation ?? null,
      authentication: this.#authentication,
      was_authenticated: this.#wasAuthenticated,
      queue: this.#queue,
      agent: this.#agent,
      limits: this.#limits,
      waiting: this.#messages.waiting().length,
      sequence: this.#seen,
    };
  }

  messages(): readonly Types.Message[] {
    return this.#messages.list();
  }

  on<Name extends Types.ChatEventName>(name: Name, listener: (detail: Types.ChatEvents[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  // What the gateway says.

  #frame(frame: Inbound, link: Link): void {
    if (frame.type === "started" || frame.type === "resumed") return this.#enter(frame);
    if (frame.type === "error") return link.joined ? this.#refused(frame) : this.#notLetIn(frame, link);
    if (frame.type === "accepted") {
      this.#sent.delete(frame.id);
      this.#seen = Math.max(this.#seen, frame.sequence);
      const { sequence, at } = frame;
      return this.#tell(this.#messages.accepted(frame.id, { sequence, at, authenticated: this.#signedIn() }));
    }
    if (frame.type === "authentication" && frame.resume_token) this.#keep(frame.resume_token);
    let past = false;
    if ("sequence" in frame && frame.type !== "context" && !("reason" in frame && frame.reason === "unchanged")) {
      if (frame.sequence <= this.#seen) return;
      this.#seen = frame.sequence;
      past = frame.sequence <= this.#past;
    }
    this.#serve(frame, past);
  }

  #serve(frame: Served, past: boolean): void {
    const { type: _, ...detail } = frame;
    switch (frame.type) {
      case "message":
        return this.#tell(this.#messages.heard(frame), past);
      case "authentication":
        return this.#authenticated(frame, past);
      case "token_expiring":
        this.#events.emit("token-expiring", detail as Types.ChatEvents["token-expiring"]);
        return void this.#refresher.refresh();
      case "draining":
        return this.#connection.drain(frame.reconnect_after_ms);
      case "assigned":
        this.#queue = frame.queue;
        this.#agent = frame.agent ?? null;
        return this.#events.emit("assigned", { ...(detail as typeof frame), past });
      case "authentication_requested":
        return this.#events.emit("authentication-requested", { ...(detail as typeof frame), past });
      case "read":
        return this.#events.emit("read", { ...(detail as typeof frame), past });
      case "typing":
      case "context":
        return this.#events.emit(frame.type, detail as never);
      case "ended":
        this.#events.emit("ended", { ...(detail as typeof frame), past });
        return this.#stopped(1000, "ended");
    }
  }

  #enter(frame: Entered): void {
    const { conversation, resume_token, sequence, authentication, queue, agent, context, limits } = frame;
    const opening = this.#opening;
    const fresh = conversation !== this.#kept?.conversation || this.#authentication === null;
    if (fresh) {
      if (this.#authentication) this.#reset("new_conversation", true);
      this.#past = sequence;
    }
    // Another tab may have replaced it while this answer was under way.
    const stored = this.#shelf.read();
    this.#kept = { conversation, resume_token };
    const replaced = stored?.conversation === conversation && opening.used && stored.resume_token !== opening.used;
    if (!replaced) this.#shelf.write(this.#kept);
    if (frame.type === "started") this.#seen = Math.max(this.#seen, sequence);
    this.#replayed = sequence;
    this.#queue = queue;
    this.#agent = agent ?? null;
    this.#limits = limits;
    this.#patience = 0;
    this.#over = false;
    opening.entered();
    this.#stands(authentication);
    if (fresh || this.#starting) {
      this.#events.emit("started", {
        conversation,
        authentication,
        queue,
        ...(agent !== undefined && { agent }),
        resumed: frame.type === "resumed",
        replayed: frame.replayed ?? 0,
        truncated: frame.truncated ?? false,
        context,
        limits,
      });
    }
    this.#starting?.resolve();
    this.#starting = null;
    if (this.#signIns.length && !this.#signedIn() && this.#tokens.own) this.#authenticate();
    else this.#settle();
    this.#sent.clear();
    this.#flush();
    if (frame.type === "resumed" || !opening.told(this.#context)) this.#tellContext();
    else this.#context = {};
    if (this.#ending) this.end();
    this.#readTold = 0;
    this.#tellRead();
  }

  #authenticated({ authentication, reason, sequence }: Authenticated, past: boolean): void {
    this.#wasAuthenticated ||= authentication.status === "authenticated";
    if (sequence > this.#replayed || reason === "unchanged") {
      this.#stands(authentication);
      if (reason === "revoked") this.#tokens.drop();
      this.#flush();
    }
    this.#events.emit("authentication", { authentication, reason, sequence, past });
    if (reason === "token_presented" || reason === "token_refreshed" || reason === "unchanged") this.#settle();
  }

  /** What the authentication is from now on. */
  #stands(authentication: Types.Authentication): void {
    this.#authentication = authentication;
    this.#wasAuthenticated ||= this.#signedIn();
    this.#refresher.plan(authentication);
  }

  /** The gateway refuses something of a socket that is in the conversation. */
  #refused(frame: Refusal): void {
    const { code, temporary, in_reply_to = "", retry_after_ms = RETRY_MS } = frame;
    const error = plain(frame);
    if (in_reply_to === "authenticate") {
      if (code === "subject_mismatch") return this.#customerChanged(error);
      if (temporary && (this.#authenticateTries += 1) < TRIES) {
        this.#env.after(retry_after_ms, () => this.#authenticate(false));
      } else {
        this.#settle(false);
      }
    } else if (in_reply_to === "end" && temporary) {
      this.#env.after(retry_after_ms, () => this.#ending && this.end());
    } else if (this.#sent.delete(in_reply_to)) {
      if (temporary) {
        this.#pausedUntil = this.#env.now() + retry_after_ms;
        this.#flush();
      } else if (code !== "authentication_required") {
        this.#tell(this.#messages.refused(in_reply_to, error));
      }
    }
    this.#fail(error);
  }

  /** The gateway refuses the first frame. */
  #notLetIn(frame: Refusal, link: Link): void {
    link.refusal = frame;
    this.#connection.announce(frame.retry_after_ms);
    if (this.#opening.used && !frame.temporary) this.#turnedAway(plain(frame));
    // A `start` may still go on as anonymous.
    else this.#fail(plain(frame));
  }

  /** The first frame was refused for good. */
  #turnedAway(error: Types.ChatError): void {
    const opening = this.#opening;
    const { code } = error;
    const stored = this.#shelf.read();
    if (code === "subject_mismatch") return this.#customerChanged(error);
    if (code === "unknown_conversation") {
      if (stored && stored.resume_token !== opening.used) return void this.#connection.connect();
      if ((this.#patience -= 1) >= 0) return this.#connection.comeBack();
      this.#shelf.clear();
      // The answer to the first sign-in, with the new resume_token, may have been lost: the customer's token finds the
      // conversation again. And what was written before there was one goes into a new one.
      const again = this.#authentication ? this.#tokens.own : this.#messages.waiting().length;
      this.#kept = this.#kept && this.#authentication && { ...this.#kept, resume_token: "" };
      if (again) return void this.#connection.connect();
      this.#over = true;
    } else if (!opening.refusal) {
      opening.refusal = error;
      return void this.#connection.connect();
    }
    this.#stuck(error);
  }

  /** There is no use in going on by itself. */
  #stuck(error: Types.ChatError): void {
    this.#blocked = this.hasConversation();
    this.#fail(error);
    this.#stop({ state: this.#over ? "ended" : "idle" }, error, !this.#blocked);
  }

  #lost(code: number, attempt: number, link: Link): boolean {
    this.#opening.done();
    if (code === 4004) {
      this.#opening.cut = true;
      this.#opening.asked = false;
      this.#patience = PATIENCE;
    }
    const unknown = !link.open && !this.#authentication && this.#settingsFault?.code === "widget_unknown";
    if (unknown) this.#stopped(4501, "");
    else if (attempt === UNREACHABLE_ATTEMPTS && !link.joined) this.#fail(unreachable());
    return unknown;
  }

  #stopped(code: number, reason: string, link?: Link): void {
    const refusal = link?.refusal;
    if (code === 4504) return this.#forget("signed_out");
    if (code === 4500 && refusal) return this.#turnedAway(plain(refusal));
    this.#over = code === 1000;
    const error = this.#over
      ? fault("conversation_ended", "The conversation has ended.", "Begin a new one.")
      : code === 4501
        ? unknownWidget(this.#options)
        : fault("connection_closed", `The gateway closed the connection: ${reason || code}.`, "Reload the page.");
    if (this.#over) this.#shelf.clear(this.#kept?.conversation);
    else this.#fail(error);
    this.#stop({ state: "ended", code, reason }, error, true);
  }

  // What this tab does of itself.

  /** Leaves the connection, and says why to whoever waits for something. */
  #stop(detail: Types.ChatEvents["connection"], error: Types.ChatError, failWaiting = false): void {
    this.#refresher.stop();
    this.#opening.done();
    this.#resumeSending();
    this.#ending = false;
    if (failWaiting) for (const { id } of this.#messages.waiting()) this.#tell(this.#messages.refused(id, error));
    this.#connection.drop(detail);
    this.#settle(false);
    const starting = this.#starting;
    this.#starting = null;
    starting?.reject(error);
  }

  /** Leaves the conversation and forgets it, in this tab and, unless one of them said so, in the others. */
  #forget(reason: Types.ClearedReason, remote = false): void {
    const conversation = this.#kept?.conversation ?? this.#shelf.read()?.conversation;
    if (reason === "signed_out" || remote) this.#tokens.drop();
    if (!remote) this.#shelf.clear();
    this.#stop({ state: "idle" }, fault("connection_closed", "The conversation was left.", "Call start."));
    this.#reset(reason);
    this.#opening.anew = reason === "left";
    if (!remote && conversation) this.#share.tell({ type: "cleared", conversation, reason });
  }

  #clearedElsewhere(conversation: string, reason: Types.ClearedReason): void {
    this.#shelf.clear(conversation);
    if (this.#kept && conversation !== this.#kept.conversation) return;
    if (reason === "signed_out") this.#connection.say({ type: "sign_out" });
    this.#forget(reason, true);
  }

  /** Nothing of the conversation is shown any more; `keepWaiting`: what isn't stored goes into the next one. */
  #reset(reason: Types.ClearedReason, keepWaiting = false): void {
    this.#messages.clear(keepWaiting);
    this.#kept = this.#authentication = this.#queue = this.#agent = this.#limits = null;
    this.#wasAuthenticated = this.#over = this.#blocked = false;
    this.#seen = this.#past = this.#replayed = this.#read = this.#pausedUntil = 0;
    if (!keepWaiting) this.#context = {};
    this.#sent.clear();
    this.#events.emit("cleared", { reason });
    for (const message of this.#messages.waiting()) this.#tell(message);
  }

  /** The token is somebody else's: nothing of the former customer is shown any more, in any tab. */
  #customerChanged(error: Types.ChatError): void {
    this.#forget("customer_changed");
    this.#fail(error);
  }

  #provider(): Types.AuthTokenProvider | null {
    const path = this.#settings?.javascript_client_function;
    return this.#tokenProvider ?? (path ? find(this.#env, path) : null);
  }

  /** What is known of the widget; nothing where the gateway doesn't say. */
  async #settingsOnce(): Promise<Types.Settings | null> {
    if (this.#settings || (this.#settingsFault && !this.#settingsFault.temporary)) return this.#settings;
    return this.settings().catch(() => null);
  }

  #signedIn(): boolean {
    return this.#authentication?.status === "authenticated";
  }

  #fail(error: Types.ChatError): void {
    this.#events.emit("error", error);
  }

  #tell(message: Types.Message | null, past = false): void {
    if (message) this.#events.emit("message", { ...message, past });
  }

  #keep(resume_token: string): void {
    if (!this.#kept) return;
    this.#kept = { ...this.#kept, resume_token };
    const stored = this.#shelf.read();
    if (stored?.conversation === this.#kept.conversation) this.#shelf.write(this.#kept);
  }

  /** Sends what isn't known to be stored, and wasn't sent on this socket. */
  #flush(): void {
    this.#resumeSending();
    const pause = this.#pausedUntil - this.#env.now();
    if (pause > 0) {
      this.#resumeSending = this.#env.after(pause, () => this.#flush());
      return;
    }
    if (!this.#connection.joined) return;
    if (this.#settings?.authentication === "required" && !this.#signedIn()) return;
    for (const { id, text } of this.#messages.waiting()) {
      if (this.#sent.has(id)) continue;
      this.#sent.add(id);
      this.#connection.say({ type: "message", id, text }, ACCEPTED_MS);
    }
  }

  #tellContext(): void {
    if (!this.#connection.joined || !Object.keys(this.#context).length) return;
    this.#connection.say({ type: "set_context", context: this.#context });
    this.#context = {};
  }

  #tellRead(): void {
    const sequence = Math.min(this.#read, this.#seen);
    if (this.#readTimer || sequence <= this.#readTold || !this.#connection.joined) return;
    this.#readTold = sequence;
    this.#connection.say({ type: "read", sequence });
    this.#readTimer = this.#env.after(READ_MS, () => {
      this.#readTimer = null;
      this.#tellRead();
    });
  }

  #authenticate(first = true): void {
    const token = this.#tokens.own;
    if (first) this.#authenticateTries = 0;
    if (token) this.#connection.say({ type: "authenticate", token: token.text });
  }

  /** Another tab's provider is asked on behalf of all; that tab presents the token too, if it still can. */
  #refreshed(token: Token): void {
    this.#env.after(token.shared ? OTHERS_MS : 0, () => {
      const stands = this.#authentication && issued(this.#authentication);
      if (token === this.#tokens.own && (!stands || stands + SAME_S < token.iat)) this.#authenticate();
    });
  }

  #heard(text: string): void {
    this.#tokens.hear(text);
    if (this.#blocked) void this.start();
  }

  #settle(authenticated = this.#signedIn()): void {
    for (const signIn of this.#signIns.splice(0)) signIn(authenticated);
  }
}

function pending(): Pending {
  const out = {} as Pending;
  out.promise = new Promise((resolve, reject) => Object.assign(out, { resolve, reject }));
  // What went wrong is told as an event as well: nobody has to listen here.
  out.promise.catch(() => {});
  return out;
}

/** The error itself, without what belongs to the frame. */
function plain({ type: _, retry_after_ms: __, ...error }: Refusal): Types.ChatError {
  return error;
}
