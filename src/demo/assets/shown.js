// What of a frame is shown: all of it but its secrets.

const SECRETS = ["resume_token", "idempotency_key"];
const SHOWN_CHARACTERS = 4;

/** A frame or an event, with tokens and secrets cut short. */
export function shown(value) {
  if (Array.isArray(value)) return value.map(shown);
  if (value === null || typeof value !== "object") return value;
  const members = Object.entries(value).map(([name, member]) => {
    if (typeof member !== "string") return [name, shown(member)];
    if (name === "token") return [name, aboutToken(member)];
    return [
      name,
      SECRETS.includes(name) ? `${member.slice(0, SHOWN_CHARACTERS)}…` : member,
    ];
  });
  return Object.fromEntries(members);
}

/** What a token's head says, and its times; never the token. */
function aboutToken(token) {
  try {
    const [head, claims] = token.split(".").map(part);
    const { alg, kid } = head;
    const times = ["iat", "nbf", "exp"]
      .filter((name) => claims[name])
      .map((name) => `${name} ${clock(claims[name])}`);
    return `… ${alg}, kid ${kid}, ${times.join(", ")}; ${token.length} characters`;
  } catch {
    return `… ${token.length} characters`;
  }
}

function part(text, place) {
  if (place > 1) return null; // the signature
  const bytes = Uint8Array.from(
    atob(text.replaceAll("-", "+").replaceAll("_", "/")),
    (one) => one.charCodeAt(0),
  );
  return JSON.parse(new TextDecoder().decode(bytes));
}

const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString();
