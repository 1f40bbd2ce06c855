// How the first frame of a socket comes about: with which token, and whether it takes up a conversation or begins one.

import { randomKey, type Environment } from "./environment.ts";
import { fault } from "./fault.ts";
import type { Outbound } from "./frames.ts";
import type { Page } from "./page.ts";
import type { Standing } from "./standing.ts";
import type { Kept, Shelf } from "./storage.ts";
import type { ChatError, Context } from "./types.ts";
import { isOld, type Token } from "./token/jwt.ts";
import { call } from "./token/provider.ts";
import type { Share } from "./token/share.ts";
import type { Tokens } from "./token/tokens.ts";

export interface OpeningHost {
  standing(): Standing;
  /** What the page has set and the gateway doesn't know. */
  take(): Context;
  error(error: ChatError): void;
}

export interface Opening {
  /** The `resume_token` of the last `resume`; none where it was a `start`. */
  used: string | null;
  /** What was the matter with the last token, or that there was none: another is wanted. */
  refusal: ChatError | null;
  /** The next `start` doesn't take up the customer's last conversation. */
  anew: boolean;
  /** The socket was closed for somebody's sign-in (4004): the other tabs may have the token. */
  cut: boolean;
  /** The provider had nothing; it isn't asked at each reconnect. */
  asked: boolean;
  /** The first frame. Throws a `ChatError` where there is no use in sending one. */
  frame(counts: () => boolean): Promise<() => Outbound>;
  resume(token?: Token | null): Outbound;
  /** The attempt is over: another tab may begin one. */
  done(): void;
  /** The conversation stands. What a `start` has said, or would have, of the context. */
  entered(): Context;
  reset(): void;
}

export function createOpening(
  env: Environment,
  host: OpeningHost,
  page: Page,
  shelf: Shelf,
  share: Share,
  tokens: Tokens,
): Opening {
  /** The `start` that is tried; its key stays the same until it is answered. */
  let start: { key: string; context: Context } | null = null;
  let release = () => {};
  /** What the last first frame has presented. */
  let presented: Token | null = null;

  /** Another tab may have replaced the secret; where nothing can be kept, this tab still knows. */
  const kept = (): Kept | null => {
    const { conversation, resume_token } = host.standing();
    return shelf.read() ?? (conversation && resume_token ? { conversation, resume_token } : null);
  };

  const token = async (required: boolean) => {
    const { own } = tokens;
    const wanted = opening.refusal !== null;
    if (own && !wanted && !isOld(own, env.now())) return own;
    if (own || wanted || required || opening.cut || !opening.asked) {
      opening.asked = true;
      try {
        return await (own ? tokens.renew(own.iat) : tokens.ask());
      } catch (error) {
        if ((error as ChatError).code !== "provider_missing") host.error(error as ChatError);
      }
    }
    // The last resort: a token that is old already, or another tab's.
    if (own) return wanted ? null : own;
    if (wanted) await share.ask();
    return wanted || opening.cut ? tokens.heard : null;
  };

  const provided = async () => {
    try {
      const provider = page.contextProvider;
      return ((provider && (await call(env, provider, "context", "context_provider", "failed"))) ?? {}) as Context;
    } catch (error) {
      host.error(error as ChatError);
      return {};
    }
  };

  const opening: Opening = {
    used: null,
    refusal: null,
    anew: false,
    cut: false,
    asked: false,
    async frame(counts) {
      opening.done();
      const mode = (await page.known())?.authentication;
      const required = mode === "required";
      const signed = mode === "off" ? null : await token(required);
      if (!signed && (opening.refusal || required)) {
        throw opening.refusal ?? fault("authentication_required", "This chat needs a sign-in.", "Sign in.");
      }
      const resume = () => opening.resume(signed);
      if (kept()) return resume;
      const { key, context } = (start ??= { key: randomKey(env), context: await provided() });
      const held = await share.lock("start");
      // Another tab may have begun one meanwhile.
      if (kept() || !counts()) {
        held();
        return resume;
      }
      release = held;
      return () => {
        opening.used = null;
        presented = signed;
        return {
          type: "start",
          locale: page.locale(),
          context: Object.assign(context, host.take()),
          idempotency_key: key,
          ...(signed && { token: signed.text, continue: !opening.anew }),
        };
      };
    },
    resume(token = tokens.own) {
      const { conversation, resume_token } = kept() ?? { conversation: "", resume_token: "" };
      const standing = host.standing();
      const after = standing.conversation === conversation && standing.sequence;
      opening.used = resume_token;
      presented = token;
      return {
        type: "resume",
        conversation,
        resume_token,
        ...(after && { after }),
        ...(token && { token: token.text }),
      };
    },
    done() {
      release();
      release = () => {};
    },
    entered() {
      const { context = {} } = start ?? {};
      tokens.own ??= presented;
      opening.reset();
      return context;
    },
    reset() {
      opening.done();
      start = opening.refusal = presented = null;
      opening.anew = opening.cut = false;
    },
  };
  return opening;
}
