// Calls of the consumer API, and what they are refused with.

/** The root of the listener: this file lies in `console/`. */
const ROOT = new URL("../", import.meta.url);
const ANSWER_WITHIN_MS = 15_000;
const DETAIL_CHARACTERS = 400;

/** What the gateway says is wrong, what to do about it, and what to tell the operator. */
export class Problem extends Error {
  constructor({
    status = 0,
    code = "unreachable",
    detail,
    correlation_id,
    temporary = false,
    retryAfterMs = 0,
  }) {
    super(detail ?? `The gateway answered with status ${status}.`);
    Object.assign(this, {
      status,
      code,
      correlation_id,
      temporary,
      retryAfterMs,
    });
  }

  static unreachable() {
    return new Problem({
      detail: "The gateway does not answer: is it up, and is the network?",
      temporary: true,
    });
  }

  /** Whether the key or the token is what is wrong. */
  get isAboutWho() {
    return this.status === 401;
  }

  /** All of it on one line. */
  get told() {
    const correlation = this.correlation_id
      ? `, correlation_id ${this.correlation_id}`
      : "";
    return `${this.message} (${this.code}${correlation})`;
  }
}

/** Asks; whoever calls judges the answer. Cookies are nobody's business here, and a 401 must not open a dialog. */
export async function ask(
  path,
  init,
  signal = AbortSignal.timeout(ANSWER_WITHIN_MS),
) {
  try {
    const url = new URL(path.replace(/^\//, ""), ROOT);
    return await fetch(url, {
      ...init,
      signal,
      credentials: "omit",
      cache: "no-store",
      redirect: "error",
    });
  } catch (error) {
    if (signal.aborted && signal.reason?.name !== "TimeoutError") throw error;
    throw Problem.unreachable();
  }
}

/** What an answer that isn't a success says. */
export async function problemOf(answer) {
  const text = await answer.text().catch(() => "");
  let body = {};
  try {
    body = JSON.parse(text);
  } catch {
    body.detail = text.trim().slice(0, DETAIL_CHARACTERS) || undefined;
  }
  const { detail, title, code, error, error_description, correlation_id } =
    body;
  return new Problem({
    status: answer.status,
    code: code ?? error ?? `status ${answer.status}`,
    detail: detail ?? error_description ?? title,
    correlation_id,
    temporary:
      body.temporary ?? (answer.status >= 500 || answer.status === 429),
    retryAfterMs: 1000 * (Number(answer.headers.get("retry-after")) || 0),
  });
}

/** The consumer API as whoever has signed in. */
export class Api {
  #session;

  constructor(session) {
    this.#session = session;
  }

  get(path) {
    return this.call("GET", path);
  }

  /** The answer's JSON; none where it has no body. Throws a `Problem`. */
  async call(method, path, body) {
    const headers = { accept: "application/json" };
    const init = { method, headers };
    if (body !== undefined) {
      headers["content-type"] = "application/json";
      init.body = JSON.stringify(body);
    }
    const answer = await this.#as(path, init);
    if (answer.status === 202 || answer.status === 204) return null;
    return answer.json().catch(() => {
      throw Problem.unreachable();
    });
  }

  /** An answer that goes on until `signal`. */
  stream(path, headers, signal) {
    return this.#as(path, { headers }, signal);
  }

  async #as(path, init, signal) {
    const { bearer } = this.#session;
    if (bearer) init.headers.authorization = `Bearer ${bearer}`;
    const answer = await ask(path, init, signal);
    if (answer.ok) return answer;
    const problem = await problemOf(answer);
    // Somebody else may have signed in meanwhile.
    if (problem.isAboutWho && this.#session.bearer === bearer)
      this.#session.lost(problem);
    throw problem;
  }
}
