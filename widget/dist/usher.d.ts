/** Who the gateway takes the customer for, as in the protocol. Times are RFC 3339 in UTC. */
export interface Authentication {
	status: "authenticated" | "anonymous";
	subject?: string;
	issuer?: string;
	/** The instant at which the conversation will be downgraded. */
	expires_at?: string;
	/** When a fresh token is wanted: three quarters of the way there. */
	refresh_by?: string;
}
/** Why the authentication is what it is, as in the protocol. */
export type AuthenticationReason = "token_presented" | "token_refreshed" | "unchanged" | "token_expired" | "key_expired" | "revoked" | "signed_out" | "idle";
/** A value that routing may use. An object says besides whether agents are shown it. */
export type Primitive = string | number | boolean;
export type ContextValue = Primitive | null | {
	value: Primitive;
	isDisplayable?: boolean;
};
export type Context = Record<string, ContextValue>;
/** Which variables were taken, and why the others weren't. */
export interface ContextReport {
	accepted: string[];
	rejected: {
		name: string;
		reason: string;
	}[];
}
/** What the gateway bounds, as told at the start. */
export interface Limits {
	message_characters: number;
	frame_bytes: number;
	messages_per_minute: number;
	ping_seconds: number;
}
/**
 * Gets a token for the signed-in customer from the shop's server: returns it, or a promise of it, or gives it to the
 * callback. `null`, an empty text or an error mean that there is none. It has 10 s.
 *
 * It is called when a token is needed, in one tab for all of them.
 */
export type AuthTokenProvider = (callback: TokenCallback) => unknown;
export type TokenCallback = (token: string | null | undefined, error?: unknown) => void;
/** Gets unsigned variables for routing, once for each conversation: returns them, or a promise, or calls back. */
export type ContextProvider = (callback: (context: Context) => void) => unknown;
/** Where a message of the customer stands; those of others are `received`. */
export type Delivery = "waiting" | "sent" | "failed" | "received";
/** A message of the chat. */
export interface Message {
	/** Always there on the customer's own, and the same for ever. */
	id?: string;
	/** Its place in the conversation, once it is stored. */
	sequence?: number;
	at: string;
	from: "customer" | "agent" | "bot" | "system";
	text: string;
	name?: string;
	/** Customer's only: whether the conversation was authenticated when it was stored. */
	authenticated?: boolean;
	delivery: Delivery;
	/** Why it failed, in a sentence for the customer's developer. */
	error?: ChatError;
}
/** What went wrong, whether it helps to try again, and what to do. */
export interface ChatError {
	/**
	 * A code of the protocol, or the widget's own: `provider_missing`, `provider_not_found`, `provider_failed`,
	 * `provider_timeout`, `provider_empty`, `context_provider_failed`, `gateway_unreachable`, `widget_unknown`,
	 * `connection_closed`.
	 */
	code: string;
	message: string;
	action: string;
	temporary: boolean;
	correlation_id?: string;
	in_reply_to?: string;
}
/** `idle`: in no conversation. `waiting`: the connection is lost, and will be tried again. */
export type ConnectionState = "idle" | "connecting" | "open" | "waiting" | "ended";
/** Why what the panel shows must go: nothing of it may be seen by whoever comes next. */
export type ClearedReason = "signed_out" | "customer_changed" | "left" | "new_conversation";
/** What can be heard, and what comes with it. `past`: it is replayed, and was so before this tab came. */
export interface ChatEvents {
	started: {
		conversation: string;
		authentication: Authentication;
		queue: string;
		agent?: string;
		/** Taken up (a reload, a second tab, `continue`), not begun. */
		resumed: boolean;
		/** How many frames of the past follow. */
		replayed: number;
		truncated: boolean;
		context: ContextReport;
		limits: Limits;
	};
	/** New, or its delivery has changed: the same `id`, then. */
	message: Message & {
		past: boolean;
	};
	typing: {
		from: Message["from"];
	};
	read: {
		sequence: number;
		by: string;
		up_to: number;
		past: boolean;
	};
	assigned: {
		sequence: number;
		queue: string;
		agent?: string;
		past: boolean;
	};
	authentication: {
		authentication: Authentication;
		reason: AuthenticationReason;
		sequence: number;
		past: boolean;
	};
	/** An agent asks the customer to sign in. */
	"authentication-requested": {
		sequence: number;
		message?: string;
		past: boolean;
	};
	"token-expiring": {
		expires_at: string;
		refresh_by: string;
	};
	context: ContextReport;
	error: ChatError;
	ended: {
		sequence?: number;
		by: string;
		reason?: string;
		past: boolean;
	};
	cleared: {
		reason: ClearedReason;
	};
	connection: {
		state: ConnectionState;
		retry_in_ms?: number;
		code?: number;
		reason?: string;
	};
}
export type ChatEventName = keyof ChatEvents;
/** What stands at this instant. */
export interface ChatState {
	connection: ConnectionState;
	conversation: string | null;
	authentication: Authentication | null;
	/** Whether the conversation was ever authenticated: then `anonymous` means that it was downgraded. */
	was_authenticated: boolean;
	queue: string | null;
	agent: string | null;
	limits: Limits | null;
	/** Messages that are not known to be stored. */
	waiting: number;
	/** The greatest sequence seen. */
	sequence: number;
}
/** What the gateway says of a widget before there is a conversation. */
export interface Settings {
	tenant: string;
	widget: string;
	/** The tenant's name, as customers know it. */
	name: string;
	authentication: "off" | "optional" | "required";
	/** Dotted path from `window` to a function that is the provider where none was set. */
	javascript_client_function?: string;
}
export interface ChatOptions {
	/** Where usher is: `https://chat.example.com`. */
	gateway: string;
	tenant: string;
	widget: string;
	/** BCP 47, handed on to agents and rules. The page's language where it isn't given. */
	locale?: string;
}
/** One chat of one customer: all the tabs of a browser share it. */
export interface Chat {
	/** What the gateway says of the widget; asked once. */
	settings(): Promise<Settings>;
	/** Whether this browser has a conversation that could be taken up. */
	hasConversation(): boolean;
	/**
	 * Takes up this browser's conversation, or begins one; does nothing where one is under way.
	 * Resolves when it has started; rejects with a `ChatError` where it was refused.
	 */
	start(): Promise<void>;
	/** Leaves the connection; the conversation stays, and `start` comes back to it. */
	disconnect(): void;
	/** Leaves the conversation and forgets it in all tabs; the gateway keeps it. The next `start` begins anew. */
	leave(): void;
	/** Keeps the message until the gateway has stored it; begins a conversation where there is none. */
	send(text: string): Message;
	/** Sends a failed message again, under the same id. */
	retry(id: string): void;
	/** Tells that the customer is typing; at most every 3 s. */
	typing(): void;
	/** Everything up to here has been seen. */
	read(sequence: number): void;
	/** Unsigned variables: merged; `null` removes one. */
	setContext(context: Context): void;
	/** Asks the provider now, and signs in with what it gives. Whether the conversation is authenticated after it. */
	signIn(): Promise<boolean>;
	/** Gives up the authentication in all tabs, and forgets everything of the conversation in this browser. */
	signOut(): void;
	/** The customer ends the conversation. */
	end(): void;
	setAuthTokenProvider(provider: AuthTokenProvider | null): void;
	getAuthTokenProvider(): AuthTokenProvider | null;
	setContextProvider(provider: ContextProvider | null): void;
	getContextProvider(): ContextProvider | null;
	getState(): ChatState;
	/** The messages shown so far, in order; those that wait are last. */
	messages(): readonly Message[];
	/** Hears of something until the returned function is called. */
	on<Name extends ChatEventName>(name: Name, listener: (detail: ChatEvents[Name]) => void): () => void;
}
/** The chat of one widget. Nothing happens until one of its methods is called. */
export declare function createChat(options: ChatOptions): Chat;

export {};
