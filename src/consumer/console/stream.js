// The event stream, followed for as long as the console is open: `text/event-stream` read by hand, for an EventSource
// can't send an Authorization header.

const FIRST_WAIT_MS = 500;
const MOST_WAIT_MS = 20_000;
/** The gateway gives a sign of life every 15 s. */
const SILENT_MOST_MS = 40_000;
/** A place that the gateway doesn't know or doesn't keep any more. */
const PLACE_LOST = ["position_gone", "bad_position"];

export class Stream {
  #api;
  #tell;
  #place = null; // the last position seen
  #control = null;
  #attempts = 0;

  /**
   * @param tell {event(event), live(isFromNow), waiting(problem, ms), refused(problem)}; `isFromNow`: what happened
   *   before is not going to be told
   */
  constructor(api, tell) {
    this.#api = api;
    this.#tell = tell;
  }

  start() {
    this.stop();
    this.#control = new AbortController();
    this.#attempts = 0;
    this.#follow(this.#control);
  }

  stop() {
    this.#control?.abort();
    this.#control = null;
    this.#place = null;
  }

  async #follow(control) {
    while (!control.signal.aborted) {
      let problem = null;
      try {
        await this.#once(control);
      } catch (error) {
        problem = error;
      }
      if (control.signal.aborted) return;
      if (PLACE_LOST.includes(problem?.code)) {
        this.#place = null;
      } else if (problem?.status >= 400 && !problem.temporary) {
        return this.#tell.refused(problem);
      }
      this.#attempts += 1;
      const most = Math.min(MOST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#attempts);
      const wait = Math.max(problem?.retryAfterMs ?? 0, Math.random() * most);
      this.#tell.waiting(problem, wait);
      await pause(wait, control.signal);
    }
  }

  async #once(control) {
    // An attempt of its own, so that one that hangs can be given up.
    const attempt = new AbortController();
    const giveUp = () => attempt.abort();
    control.signal.addEventListener("abort", giveUp);
    let silence = setTimeout(giveUp, SILENT_MOST_MS);
    try {
      const isFromNow = this.#place === null;
      const headers = { accept: "text/event-stream" };
      if (!isFromNow) headers["last-event-id"] = this.#place;
      const answer = await this.#api.stream(
        "/v1/events?after=latest",
        headers,
        attempt.signal,
      );
      this.#tell.live(isFromNow);
      for await (const record of records(answer.body)) {
        if (control.signal.aborted) return;
        clearTimeout(silence);
        silence = setTimeout(giveUp, SILENT_MOST_MS);
        this.#attempts = 0;
        if (record.data) this.#tell.event(JSON.parse(record.data));
        // Only now: what was not told comes again.
        if (record.id) this.#place = record.id;
      }
    } finally {
      clearTimeout(silence);
      control.signal.removeEventListener("abort", giveUp);
      attempt.abort();
    }
  }
}

/** The records of an event stream, each as {id, data}. */
export async function* records(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let record = {};
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines.map((one) => one.replace(/\r$/, ""))) {
      if (line === "") {
        yield record;
        record = {};
      } else {
        const [, field, text] = /^([^:]*):? ?(.*)$/.exec(line);
        if (field === "id") record.id = text;
        if (field === "data")
          record.data =
            record.data === undefined ? text : `${record.data}\n${text}`;
      }
    }
  }
}

/** Waits, but not for longer than until the network is there again or `signal` says that it's over. */
function pause(ms, signal) {
  return new Promise((resolve) => {
    const over = () => {
      clearTimeout(timer);
      removeEventListener("online", over);
      signal.removeEventListener("abort", over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    addEventListener("online", over);
    signal.addEventListener("abort", over);
  });
}
