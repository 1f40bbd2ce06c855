// The life of a conversation in one tab: taken up or begun, held through losses of the connection, signed in and out,
// ended, left.

import { createConnection } from "./connection.ts";
import type { Environment } from "./environment.ts";
import { createEvents, type Events } from "./events.ts";
import { fault } from "./fault.ts";
import type { Entered, Inbound, Outbound, Refusal } from "./frames.ts";
import { createMessages, type Messages } from "./messages.ts";
import { createOpening } from "./opening.ts";
import { createOutbox, type Outbox } from "./outbox.ts";
import { address, createPage, unreachable, type Page } from "./page.ts";
import type { Link } from "./socket.ts";
import { Standing } from "./standing.ts";
import { createShelf } from "./storage.ts";
import type { ChatError, ChatEvents, ChatOptions, ClearedReason, ConnectionState, Message } from "./types.ts";
import { createShare } from "./token/share.ts";
import { createSignIn, type SignIn } from "./token/signin.ts";
import { createTokens, type Tokens } from "./token/tokens.ts";

/** How long to wait with what was refused for now, where the gateway doesn't say, in milliseconds. */
export const RETRY_MS = 1000;
/** After how many failed attempts the page hears that the gateway can't be reached. */
const UNREACHABLE_ATTEMPTS = 3;
/** How often a conversation may be unknown after a 4004: the tab that signed in may not have stored the new secret. */
const PATIENCE = 3;

interface Starting {
  promise: Promise<void>;
  resolve(): void;
  reject(error: ChatError): void;
}

export interface Conversation {
  readonly events: Events;
  readonly messages: Messages;
  readonly outbox: Outbox;
  readonly page: Page;
  readonly signIn: SignIn;
  readonly tokens: Tokens;
  standing(): Standing;
  state(): ConnectionState;
  say(frame: Outbound): void;
  /** Whether this browser has one that could be taken up. */
  exists(): boolean;
  /** Takes up the conversation, or begins one, unless that is under way. */
  start(): Promise<void>;
  /** The same where no socket is there nor on its way. */
  startIfIdle(): void;
  /** There may be a token now, for which the conversation has waited. */
  unblock(): void;
  tell(message: Message | null, past?: boolean): void;
  /** Leaves the connection, and says why to whoever waits for something. */
  stop(detail: ChatEvents["connection"], error?: ChatError, failWaiting?: boolean): void;
  /** Leaves the conversation and forgets it, in all tabs. */
  forget(reason: ClearedReason): void;
}

export function createConversation(env: Environment, options: ChatOptions): Conversation {
  const name = `usher:${options.tenant}/${options.widget}`;
  const events = createEvents();
  const messages = createMessages();
  const page = createPage(env, options);
  const shelf = createShelf(env, name);
  let standing = new Standing();
  let starting: Starting | null = null;
  /** There is a conversation, and only a token helps. */
  let blocked = false;
  let patience = 0;

  const { emit } = events;
  let lastTold: string | undefined;
  /** A refusal may be told as it comes, and be the reason to give up later: it is one error. */
  const fail = (error: ChatError) => {
    const { correlation_id } = error;
    if (!correlation_id || correlation_id !== lastTold) emit("error", error);
    lastTold = correlation_id;
  };
  const tell = (message: Message | null, past = false) => {
    if (message) emit("message", { ...message, past });
  };
  const exists = () => !!shelf.read() || (!standing.over && !!standing.resume_token);

  const share = createShare(env, name, {
    token: () => tokens.own?.text ?? null,
    heard(text) {
      tokens.hear(text);
      unblock();
    },
    cleared(conversation, reason) {
      if ((standing.conversation ?? conversation) !== conversation) return;
      if (reason === "signed_out") connection.say({ type: "sign_out" });
      forget(reason, undefined, conversation);
    },
  });
  const tokens = createTokens(env, share, page);
  const connection = createConnection(env, address(options, "chat").replace(/^http/, "ws"), {
    prepare: (counts) =>
      opening.frame(counts).catch((error: ChatError) => {
        if (counts()) stuck(error);
        return null;
      }),
    resume: () => opening.resume(),
    frame: (frame, link) => onFrame(frame, link),
    state: (detail) => emit("connection", detail),
    lost: (code, attempt, link) => onLost(code, attempt, link),
    stopped: (code, reason, link) => onStopped(code, reason, link),
  });
  const host = {
    standing: () => standing,
    joined: connection.joined,
    say: connection.say,
    heeded: () => page.settings?.authentication !== "required" || standing.signedIn,
    take: () => outbox.take(),
    error: fail,
  };
  const outbox = createOutbox(env, messages, host);
  const signIn = createSignIn(env, tokens, host);
  const opening = createOpening(env, host, page, shelf, share, tokens);

  const idle = () => connection.state() === "idle" || connection.state() === "ended";

  const start = () => {
    if (connection.joined()) return Promise.resolve();
    if (standing.over) reset("new_conversation", true);
    if (!starting) {
      const own = {} as Starting;
      own.promise = new Promise((resolve, reject) => Object.assign(own, { resolve, reject }));
      // What goes wrong is an event as well: nobody has to listen here.
      own.promise.catch(() => {});
      starting = own;
    }
    const { promise } = starting;
    if (idle()) {
      blocked = opening.asked = false;
      opening.refusal = null;
      void connection.connect();
    }
    return promise;
  };

  const startIfIdle = () => {
    if (idle()) void start();
  };

  const unblock = () => {
    if (blocked) void start();
  };

  const stop = (detail: ChatEvents["connection"], error = closed("The chat was left."), failWaiting = false) => {
    opening.done();
    outbox.stop();
    if (failWaiting) for (const { id } of messages.waiting()) tell(messages.refused(id, error));
    connection.drop(detail);
    signIn.stop();
    const { reject } = starting ?? {};
    starting = null;
    reject?.(error);
  };

  /** `remote`: the conversation, where it was another tab that has told to. */
  const forget = (reason: ClearedReason, error?: ChatError, remote?: string) => {
    const conversation = remote ?? standing.conversation ?? shelf.read()?.conversation;
    if (reason === "signed_out" || remote) tokens.drop();
    // Only this one: another tab may have begun another meanwhile.
    shelf.clear(conversation);
    stop({ state: "idle" }, error);
    reset(reason);
    opening.reset();
    opening.anew = reason === "left";
    if (!remote && conversation) share.tell({ type: "cleared", conversation, reason });
  };

  /** Nothing of the conversation is shown any more; `keepWaiting`: what isn't stored goes into the next one. */
  const reset = (reason: ClearedReason, keepWaiting = false) => {
    messages.clear(keepWaiting);
    standing = new Standing();
    outbox.clear(keepWaiting);
    blocked = false;
    emit("cleared", { reason });
    messages.waiting().forEach((message) => tell(message));
  };

  const onFrame = (frame: Inbound, link: Link) => {
    if (frame.type === "started" || frame.type === "resumed") return enter(frame);
    if (frame.type === "error") return link.joined ? refused(frame) : notLetIn(frame, link);
    // The new secret goes to one socket alone, whatever the others have told already.
    if (frame.type === "authentication" && frame.resume_token) keep(frame.resume_token);
    const news = standing.admits(frame);
    if (news !== "known") serve(frame, news === "past");
  };

  const serve = (frame: Exclude<Inbound, Entered | Refusal>, past: boolean) => {
    switch (frame.type) {
      case "accepted": {
        const { id, sequence, at } = frame;
        outbox.back(id);
        return tell(messages.accepted(id, { sequence, at, authenticated: standing.signedIn }));
      }
      case "message":
        return tell(messages.heard(frame), past);
      case "context":
        return emit("context", frame.context);
      case "draining":
        return connection.drain(frame.reconnect_after_ms);
      case "token_expiring":
        void signIn.refresh();
        break;
      case "assigned":
        standing.queue = frame.queue;
        standing.agent = frame.agent ?? null;
        break;
      case "authentication":
        if (standing.authenticated(frame)) {
          if (frame.reason === "revoked") tokens.drop();
          signIn.stands(frame.reason);
          outbox.flush();
        }
    }
    // The rest is told as it came, but for the secret. Nobody listens to what isn't known.
    const { type, resume_token: _, ...detail } = frame as { type: string; resume_token?: string };
    emit(type.replace("_", "-") as never, ("sequence" in frame ? { ...detail, past } : detail) as never);
    if (frame.type === "ended") onStopped(1000, "ended");
  };

  const enter = (frame: Entered) => {
    const { type, resume_token, sequence: _, ...detail } = frame;
    const { conversation } = detail;
    const former = standing.conversation;
    const resumed = type === "resumed";
    if (former && former !== conversation) reset("new_conversation", true);
    standing.enter(frame);
    // Another tab may have replaced the secret while this answer was under way.
    const stored = shelf.read();
    const replaced = stored?.conversation === conversation && opening.used && stored.resume_token !== opening.used;
    if (!replaced) shelf.write({ conversation, resume_token });
    patience = 0;
    const context = opening.entered();
    if (former !== conversation || starting) emit("started", { replayed: 0, truncated: false, ...detail, resumed });
    starting?.resolve();
    starting = null;
    signIn.joined();
    outbox.joined();
    // What a `start` says counts for a conversation that it begins.
    if (resumed) outbox.setContext(context);
  };

  const keep = (resume_token: string) => {
    const { conversation } = standing;
    standing.resume_token = resume_token;
    if (conversation && shelf.read()?.conversation === conversation) shelf.write({ conversation, resume_token });
  };

  /** The gateway refuses something of a socket that is in the conversation. */
  const refused = (frame: Refusal) => {
    const { code, temporary, in_reply_to = "", retry_after_ms = RETRY_MS } = frame;
    const error = plain(frame);
    if (in_reply_to === "authenticate") {
      if (code === "subject_mismatch") return customerChanged(error);
      signIn.refused(temporary ? retry_after_ms : 0);
    } else if (in_reply_to === "end") {
      if (temporary) outbox.endAgain(retry_after_ms);
    } else if (outbox.back(in_reply_to)) {
      if (temporary) outbox.pause(retry_after_ms);
      else if (code !== "authentication_required") tell(messages.refused(in_reply_to, error));
    }
    fail(error);
  };

  /** The gateway refuses the first frame. */
  const notLetIn = (frame: Refusal, link: Link) => {
    link.refusal = frame;
    connection.announce(frame.retry_after_ms);
    // A `start` may still go on as anonymous.
    if (frame.temporary || !opening.used) fail(plain(frame));
    else turnedAway(plain(frame));
  };

  /** The first frame was refused for good. */
  const turnedAway = (error: ChatError) => {
    const { code } = error;
    if (code === "subject_mismatch") return customerChanged(error);
    if (code === "unknown_conversation") {
      if ((shelf.read()?.resume_token ?? opening.used) !== opening.used) return void connection.connect();
      if ((patience -= 1) >= 0) return connection.comeBack();
      shelf.clear();
      // The answer to the first sign-in, with the new secret, may have been lost: the customer's token finds the
      // conversation again. And what was written before one was taken up goes into a new one.
      const again = standing.conversation ? tokens.own : messages.waiting().length;
      standing.resume_token = "";
      if (again) return void connection.connect();
      standing.over = true;
    } else if (!opening.refusal) {
      opening.refusal = error;
      return void connection.connect();
    }
    stuck(error);
  };

  /** There is no use in going on without the customer. */
  const stuck = (error: ChatError) => {
    fail(error);
    stop({ state: standing.over ? "ended" : "idle" }, error, !exists());
    blocked = exists();
  };

  const customerChanged = (error: ChatError) => {
    forget("customer_changed", error);
    fail(error);
  };

  /** The connection was lost, and may come back. Whether there is no use in that. */
  const onLost = (code: number, attempt: number, link: Link) => {
    opening.done();
    if (code === 4004) {
      opening.cut = true;
      opening.asked = false;
      patience = PATIENCE;
    }
    const unknown = !link.open && !standing.conversation && page.fault?.code === "widget_unknown";
    if (unknown) onStopped(4501, "");
    else if (attempt === UNREACHABLE_ATTEMPTS && !link.open) fail(unreachable());
    return unknown;
  };

  const onStopped = (code: number, reason: string, link?: Link) => {
    if (code === 4504) return forget("signed_out");
    if (code === 4500 && link?.refusal) return turnedAway(plain(link.refusal));
    const over = (standing.over = code === 1000);
    const error = over
      ? fault("conversation_ended", "The conversation has ended.", "Begin a new one.")
      : code === 4501
        ? page.unknown()
        : closed(`The gateway closed the connection: ${reason || code}.`);
    if (over) shelf.clear(standing.conversation);
    else fail(error);
    stop({ state: "ended", code, reason }, error, true);
  };

  return {
    events,
    messages,
    outbox,
    page,
    signIn,
    tokens,
    standing: () => standing,
    state: connection.state,
    say: connection.say,
    exists,
    start,
    startIfIdle,
    unblock,
    tell,
    stop,
    forget,
  };
}

const closed = (message: string) => fault("connection_closed", message, "Call start.");

/** The error itself, without what belongs to the frame. */
function plain({ type: _, retry_after_ms: __, ...error }: Refusal): ChatError {
  return error;
}
