// Who has signed in. An API key is exchanged at once for an access token; the token alone is kept, in memory and in
// sessionStorage, so that a reload goes on. Another tab, and the next time this tab is opened, know nothing of it.

import { Problem, ask, problemOf } from "./api.js";

const KEPT = "usher-console";
const TOKEN_PREFIX = "usher_at_";

export class Session {
  #who = null; // {bearer, client, scopes, expires_at}
  #hear;

  /** `hear` is told once the gateway takes the token no more. */
  constructor(hear) {
    this.#hear = hear;
  }

  get bearer() {
    return this.#who?.bearer ?? null;
  }

  /** The client's name, where it is known. */
  get client() {
    return this.#who?.client ?? null;
  }

  /** When the token ends, in milliseconds since 1970, where it is known. */
  get expiresAt() {
    return this.#who?.expires_at ?? null;
  }

  /** Whether a reload asks for the key again. */
  get isKept() {
    return sessionStorage.getItem(KEPT) !== null;
  }

  /** Whether the scope is there, as far as is known: what isn't known is tried. */
  may(scope) {
    return this.#who?.scopes?.includes(scope) ?? true;
  }

  /** Takes up what this tab has kept. */
  restore() {
    try {
      this.#who = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
    } catch {
      this.forget();
    }
  }

  /** Signs in with an API key, or with an access token. Throws a `Problem`. */
  async signIn(text) {
    const credentials = text
      .trim()
      .replace(/^(authorization:\s*)?bearer\s+/i, "");
    if (credentials.startsWith(TOKEN_PREFIX)) {
      return this.#keep({ bearer: credentials });
    }
    const [client, ...rest] = credentials.split(".");
    const secret = rest.join(".");
    if (!client || !secret) {
      throw new Problem({
        code: "not_a_key",
        detail:
          "A key has the form id.secret: copy it whole, as it was given out.",
      });
    }
    const body = new URLSearchParams({
      grant_type: "client_credentials",
      client_id: client,
      client_secret: secret,
    });
    const answer = await ask("/oauth/token", { method: "POST", body });
    if (answer.status === 404 || answer.status === 405) {
      // A proxy that lets /v1 through alone: there is no token to be had, so the key stays, in memory only.
      this.#who = { bearer: credentials, client };
      return;
    }
    if (!answer.ok) throw await problemOf(answer);
    const { access_token, expires_in, scope } = await answer.json();
    const expires_at = Date.now() + expires_in * 1000;
    this.#keep({
      bearer: access_token,
      client,
      scopes: scope?.split(" "),
      expires_at,
    });
  }

  /** Forgets everything about who signed in. */
  forget() {
    this.#who = null;
    sessionStorage.removeItem(KEPT);
  }

  /** The gateway refuses it. */
  lost(problem) {
    const had = this.#who !== null;
    this.forget();
    this.#hear(problem, had);
  }

  #keep(who) {
    this.#who = who;
    sessionStorage.setItem(KEPT, JSON.stringify(who));
  }
}
