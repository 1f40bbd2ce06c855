// Times, and what the gateway's codes say to a person.

const time = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
});
const exact = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
const date = new Intl.DateTimeFormat(undefined, {
  weekday: "long",
  day: "numeric",
  month: "long",
  year: "numeric",
});
const short = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
});

export const yesNo = (yes) => (yes ? "Yes" : "No");
export const clock = (at) => time.format(new Date(at));
export const exactClock = (at) => exact.format(new Date(at));

/** The day as a mark between messages. */
export function day(at) {
  const then = new Date(at);
  const today = new Date();
  if (sameDay(then, today)) return "Today";
  if (
    sameDay(
      then,
      new Date(today.getFullYear(), today.getMonth(), today.getDate() - 1),
    )
  )
    return "Yesterday";
  return date.format(then);
}

/** The hour on the same day, else the day before it. */
export function when(at) {
  const then = new Date(at);
  return sameDay(then, new Date())
    ? clock(at)
    : `${short.format(then)}, ${clock(at)}`;
}

export const sameDay = (left, right) =>
  left.toDateString() === right.toDateString();

/** How long until `at`, in words that count down. */
export function left(at) {
  const seconds = Math.max(0, Math.ceil((new Date(at) - Date.now()) / 1000));
  if (seconds < 120) return `${seconds} s left`;
  if (seconds < 7200) return `${Math.ceil(seconds / 60)} min left`;
  return `${Math.ceil(seconds / 3600)} h left`;
}

const CHANGES = {
  token_presented: "signed in",
  token_refreshed: "sign-in renewed",
  token_expired: "the token's time is up",
  key_expired: "the key that signed the token has expired",
  revoked: "the sign-in was revoked",
  signed_out: "the customer signed out",
  idle: "nothing was heard for a while",
};

/** Why the authentication is what it is. */
export const change = (reason) => CHANGES[reason] ?? reason;

const SOURCES = { token: "signed token", widget: "the page", system: "usher" };

/** Who gave a variable. */
export const source = (name) => SOURCES[name] ?? name;
