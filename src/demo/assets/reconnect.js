// When a lost connection is opened again: the protocol's table of close codes, and how long to wait.

const FIRST_MS = 500;
const MOST_MS = 20_000;
const INTERNAL_FAULTS_MOST = 5;

export class Reconnect {
  #attempts = 0;
  #internalFaults = 0;

  /** A connection holds: the next one that is lost is the first again. */
  held() {
    this.#attempts = 0;
  }

  /** Whether a socket that was closed so is to be opened again. */
  comesBack(code) {
    if (code === 1011) this.#internalFaults += 1;
    const again = [1001, 1005, 1006, 1011, 1012, 1013].includes(code) || (code >= 4000 && code <= 4499);
    return again && this.#internalFaults <= INTERNAL_FAULTS_MOST;
  }

  /** How long to wait before the next attempt, in milliseconds: what was announced, and a growing random time. */
  wait(reason) {
    this.#attempts += 1;
    const [, ...pairs] = reason.split(";");
    const announced = Number(pairs.find((pair) => pair.startsWith("retry_after_ms="))?.split("=")[1] ?? 0);
    const most = Math.min(MOST_MS, FIRST_MS * 2 ** this.#attempts);
    return announced + FIRST_MS + Math.random() * (most - FIRST_MS);
  }
}
