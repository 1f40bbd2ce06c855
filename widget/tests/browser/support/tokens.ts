// The shop's key, and the tokens that it signs.

import { createSign, generateKeyPairSync } from "node:crypto";

const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
const KID = "current";

/** What stands at `public_key_url`. */
export function publishedKeys(): string {
  const pem = pair.publicKey.export({ type: "spki", format: "pem" });
  return JSON.stringify([{ kid: KID, publicKey: Buffer.from(pem).toString("base64") }]);
}

/** A token of this customer that was issued now and lives this many seconds. */
export function mint(subject: string, seconds: number, context?: object): string {
  const iat = Date.now() / 1000;
  const claims = { iss: "https://www.contoso.com", sub: subject, iat, exp: iat + seconds, lwicontexts: context };
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "RS256", typ: "JWT", kid: KID })}.${part(claims)}`;
  return `${signed}.${createSign("RSA-SHA256").update(signed).sign(pair.privateKey).toString("base64url")}`;
}
