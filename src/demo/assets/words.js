// What the gateway's codes say to a person.

const DOWNGRADED = {
  token_expired: "the token's time is up",
  key_expired: "the key that signed the token has expired",
  revoked: "an agent revoked it",
  signed_out: "you signed out",
  idle: "nothing was heard for a while",
};

const NOT_TAKEN = {
  undeclared: "the shop declares no such variable",
  wrong_type: "it is of another type",
  signed_wins: "signed_wins: what the token says stands",
  signed_only: "signed_only: it is taken from tokens alone",
};

const NOT_CONNECTED = {
  "": "the connection was lost",
  reconnect: "it was signed in elsewhere, or an agent asked for it",
  draining: "the gateway stops",
  slow_consumer: "this page was too slow",
};

export const whyDowngraded = (reason) => DOWNGRADED[reason] ?? reason;
export const whyNotTaken = (reason) => NOT_TAKEN[reason] ?? reason;
export const whyNotConnected = (slug) => NOT_CONNECTED[slug] ?? slug;

export function clock(time) {
  return new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}
