// What the widget reads of a token: how old it is and whose. Whether it is valid is the gateway's to say.

export interface Token {
  text: string;
  /** Seconds, by the issuer's clock; 0 where it can't be read. */
  iat: number;
  /** Of whom it speaks: equal for equal (issuer, subject). */
  identity: string;
  /** How long it lives, in seconds; infinite where it can't be read. */
  lifetime: number;
  /** When this browser got it, in milliseconds by its own clock. */
  got: number;
  /** Another tab's provider gave it. */
  shared: boolean;
}

/** Two tokens whose `iat` lie closer are of one age, in seconds: the protocol's times are rounded. */
export const SAME_S = 0.5;

/** When a token is to be refreshed: so much of its lifetime has passed. */
export const REFRESH_SHARE = 0.75;

export function read(text: string, got: number, shared = false): Token {
  let claims: Record<string, unknown> = {};
  try {
    const payload = text.split(".")[1] ?? "";
    claims = { ...JSON.parse(atob(payload.replace(/-/g, "+").replace(/_/g, "/"))) };
  } catch {}
  const { iat, exp, iss, sub } = claims;
  const lifetime = Number(exp) - Number(iat) || Infinity;
  return { text, iat: Number(iat) || 0, identity: JSON.stringify([iss, sub]), lifetime, got, shared };
}

/** Whether it is time for a newer one, by the time that it has been in this browser. */
export function isOld({ lifetime, got }: Token, now: number): boolean {
  return now - got >= lifetime * REFRESH_SHARE * 1000;
}

/** Whether it was issued later than that, in seconds. */
export function isNewer(token: Token, iat: number): boolean {
  return token.iat > iat + SAME_S;
}

/** What a token service answers: white space around it, quotes around it. */
export function trim(text: string): string {
  return text
    .trim()
    .replace(/^(["'])(.*)\1$/s, "$2")
    .trim();
}
