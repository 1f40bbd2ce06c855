// What the panel says and offers, from how things stand: pure, by the names of texts and deeds.

import type { ChatState, Settings } from "../sdk/types.ts";
import type { TextName } from "../texts/index.ts";

/** What a customer can do here besides writing. */
export type Deed =
  | "signIn"
  | "signOut"
  | "transcript"
  | "ask"
  | "end"
  | "cancel"
  | "fresh"
  | "retry"
  /** The notice. */
  | "dismiss"
  /** That the chat goes on without sign-in. */
  | "hide";

export interface Offer {
  label: TextName;
  deed: Deed;
}

export interface Bar {
  text: TextName;
  /** For whom the customer asks for help: there is no text for it. */
  code?: string | undefined;
  bad?: boolean;
  offer?: Offer | undefined;
  dismiss?: Deed | undefined;
}

/** It stands in the composer's place: something is to be decided first. */
export interface Question {
  text: TextName;
  offers: Offer[];
}

/** How things stand. */
export interface Standing {
  state: ChatState;
  settings: Settings | undefined;
  /** What went wrong or has happened, until it is dismissed or over. */
  notice: { text: TextName; bad: boolean; code?: string | undefined } | null;
  /** Nothing goes on before the customer has signed in. */
  gate: boolean;
  /** Whether the chat is to be ended. */
  asking: boolean;
  signingIn: boolean;
  /** The customer has read that the chat goes on without sign-in. */
  dismissed: boolean;
  /** There is something in the log. */
  logged: boolean;
  /** This browser has a conversation that could be taken up. */
  kept: boolean;
}

export interface View {
  status: TextName | null;
  signedIn: boolean;
  /** A request to sign in, if there is one, waits for an answer. */
  offersSignIn: boolean;
  bars: Bar[];
  question: Question | null;
  menu: Offer[];
}

export function view(standing: Standing): View {
  const { state, gate, logged } = standing;
  const { connection, conversation } = state;
  const signedIn = state.authentication?.status === "authenticated" && connection !== "ended";
  const menu: Offer[] = [];
  if (logged && !gate) menu.push({ label: "transcript", deed: "transcript" });
  if (signedIn) menu.push({ label: "signOut", deed: "signOut" });
  if (conversation !== null && connection === "open") menu.push({ label: "end", deed: "ask" });
  const offersSignIn = !signedIn && connection !== "ended";
  return { status: status(standing), signedIn, offersSignIn, bars: bars(standing), question: question(standing), menu };
}

function status({ state: { connection, conversation, agent }, signingIn }: Standing): TextName | null {
  if (signingIn || connection === "connecting") return "connecting";
  return connection === "open" && conversation !== null && agent === null ? "queued" : null;
}

function bars({ state, settings, notice, gate, dismissed }: Standing): Bar[] {
  const { connection, was_authenticated, authentication } = state;
  const bars: Bar[] = [];
  if (connection === "waiting") bars.push({ text: "offline" });
  if (notice) {
    const again = notice.bad && connection === "idle" && !gate && notice.text !== "noSignIn";
    const offer: Offer | undefined = again ? { label: "retry", deed: "retry" } : undefined;
    bars.push({ ...notice, offer, dismiss: "dismiss" });
  }
  if (was_authenticated && authentication?.status === "anonymous" && !gate && connection !== "ended") {
    const offer: Offer = { label: "signIn", deed: "signIn" };
    if (settings?.authentication === "required") bars.push({ text: "gate", offer });
    else if (!dismissed) bars.push({ text: "downgraded", offer, dismiss: "hide" });
  }
  return bars;
}

function question({ state, gate, asking, kept, logged }: Standing): Question | null {
  const fresh: Offer = { label: "fresh", deed: "fresh" };
  if (gate) {
    const signIn: Offer = { label: "signIn", deed: "signIn" };
    return { text: "gate", offers: kept ? [signIn, fresh] : [signIn] };
  }
  if (state.connection === "ended") {
    const transcript: Offer = { label: "transcript", deed: "transcript" };
    return { text: "ended", offers: logged ? [fresh, transcript] : [fresh] };
  }
  const end: Offer = { label: "end", deed: "end" };
  return asking ? { text: "endAsk", offers: [end, { label: "cancel", deed: "cancel" }] } : null;
}

/** Errors that a customer can do something about; of others there is only that something went wrong. */
const SAID: Record<string, TextName> = {
  rate_limited: "slow",
  message_too_long: "tooLong",
  storage_unavailable: "unreachable",
  internal: "unreachable",
  gateway_unreachable: "unreachable",
  connection_closed: "unreachable",
  widget_unknown: "unreachable",
};

/** What is neither about a token nor the page's own affair: faults of the programs. */
const FAULT = /frame$|order|conversation|conflict|enabled/;

/** What a customer is told of an error; nothing of those that are the page's own affair. */
export function told(code: string): { text: TextName; bad: true; code?: string } | null {
  const text = SAID[code];
  if (text) return { text, bad: true };
  return FAULT.test(code) ? { text: "problem", bad: true, code } : null;
}

/** Whether it is about a token: it helps to sign in. */
export const isAboutSignIn = (code: string): boolean => !told(code) && !code.startsWith("context");
