// How the first frame of a socket comes about: with which token, and whether it takes up a conversation or begins one.

import { randomKey, type Environment } from "./environment.ts";
import { fault } from "./fault.ts";
import type { Outbound } from "./frames.ts";
import type { Kept, Shelf } from "./storage.ts";
import type { ChatError, Context, ContextProvider, Settings } from "./types.ts";
import { isOld, type Token } from "./token/jwt.ts";
import { call, providerFault } from "./token/provider.ts";
import type { Share } from "./token/share.ts";
import type { Tokens } from "./token/tokens.ts";

export interface OpeningHost {
  settings(): Promise<Settings | null>;
  /** The conversation that this tab is in. */
  kept(): Kept | null;
  /** How much of it has been seen. */
  seen(conversation: string): number;
  contextProvider(): ContextProvider | null;
  /** What the page has set and the gateway doesn't know. */
  context(): Context;
  error(error: ChatError): void;
}

export class Opening {
  /** The `resume_token` of the last `resume`; none where it was a `start`. */
  used: string | null = null;
  /** What was the matter with the last token, or that there was none: another is wanted. */
  refusal: ChatError | null = null;
  /** The next `start` doesn't take up the customer's last conversation. */
  anew = false;
  /** The socket was closed for somebody's sign-in (4004): the other tabs may have the token. */
  cut = false;
  /** The provider had nothing; it isn't asked at each reconnect. */
  asked = false;
  locale: string;
  #env: Environment;
  #host: OpeningHost;
  #shelf: Shelf;
  #share: Share;
  #tokens: Tokens;
  /** The `start` that is tried; its key stays the same until it is answered. */
  #start: { key: string; context: Context } | null = null;
  /** What the page had set, as that `start` says it. */
  #told: Context | null = null;
  #release = () => {};

  constructor(env: Environment, host: OpeningHost, shelf: Shelf, share: Share, tokens: Tokens, locale: string) {
    this.#env = env;
    this.#host = host;
    this.#shelf = shelf;
    this.#share = share;
    this.#tokens = tokens;
    this.locale = locale;
  }

  /** The first frame. Throws a `ChatError` where there is no use in sending one. */
  async frame(counts: () => boolean): Promise<() => Outbound> {
    this.done();
    const settings = await this.#host.settings();
    const required = settings?.authentication === "required";
    const token = settings?.authentication === "off" ? null : await this.#token(required);
    if (!token && (this.refusal || required)) {
      throw this.refusal ?? fault("authentication_required", "This chat needs a sign-in.", "Sign in.");
    }
    const resume = () => this.resume(token);
    if (this.#kept()) return resume;
    this.#start ??= { key: randomKey(this.#env), context: await this.#context() };
    const release = await this.#share.lock("start");
    if (counts()) this.#release = release;
    else release();
    // Another tab may have begun one meanwhile.
    if (this.#kept()) {
      this.#release();
      return resume;
    }
    const { key, context } = this.#start ?? { key: randomKey(this.#env), context: {} };
    return () => {
      this.used = null;
      this.#told = this.#host.context();
      return {
        type: "start",
        locale: this.locale,
        context: { ...context, ...this.#told },
        idempotency_key: key,
        ...(token && { token: token.text, continue: !this.anew }),
      };
    };
  }

  resume(token: Token | null = this.#tokens.own): Outbound {
    const kept = this.#kept() ?? { conversation: "", resume_token: "" };
    const after = this.#host.seen(kept.conversation);
    this.used = kept.resume_token;
    return { type: "resume", ...kept, ...(after && { after }), ...(token && { token: token.text }) };
  }

  /** The attempt is over: another tab may begin one. */
  done(): void {
    this.#release();
    this.#release = () => {};
  }

  /** The conversation stands. */
  entered(): void {
    this.done();
    this.#start = this.refusal = null;
    this.anew = this.cut = false;
  }

  /** Whether the `start` has told this. */
  told(context: Context): boolean {
    return this.#told === context;
  }

  /** Another tab may have replaced the `resume_token`; where nothing can be kept, this tab still knows. */
  #kept(): Kept | null {
    return this.#shelf.read() ?? this.#host.kept();
  }

  async #token(required: boolean): Promise<Token | null> {
    const tokens = this.#tokens;
    const { own } = tokens;
    const wanted = this.refusal !== null;
    if (own && !wanted && !isOld(own, this.#env.now())) return own;
    if (own || wanted || required || this.cut || !this.asked) {
      this.asked = true;
      try {
        return await (own ? tokens.renew(own.iat) : tokens.ask());
      } catch (error) {
        if ((error as ChatError).code !== "provider_missing") this.#host.error(error as ChatError);
      }
    }
    // The last resort: a token that is old already, or another tab's.
    if (own) return wanted ? null : own;
    if (wanted) await this.#share.ask();
    return wanted || this.cut ? tokens.heard : null;
  }

  async #context(): Promise<Context> {
    const provider = this.#host.contextProvider();
    if (!provider) return {};
    try {
      return ((await call(this.#env, provider)) ?? {}) as Context;
    } catch (error) {
      this.#host.error(providerFault(error, "context_provider", "context"));
      return {};
    }
  }
}
