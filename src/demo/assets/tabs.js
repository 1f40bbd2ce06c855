// What the tabs of one browser share. It lies in localStorage under a prefix of that browser's own, so that two
// browsers can be played in one: `/?browser=2` is another one, with other tabs and another customer.

const BROWSERS = ["1", "2"];

/** Which browser a page plays, and which the other one is, by the page's address. */
export function played(search) {
  const asked = new URLSearchParams(search).get("browser");
  const own = BROWSERS.includes(asked) ? asked : BROWSERS[0];
  return { own, other: BROWSERS.find((browser) => browser !== own) };
}

export class Tabs {
  #prefix;

  constructor(browser) {
    this.#prefix = `usher-demo-${browser}-`;
  }

  /** What all tabs see. */
  get(name) {
    return JSON.parse(localStorage.getItem(this.#prefix + name) ?? "null");
  }

  set(name, value) {
    localStorage.setItem(this.#prefix + name, JSON.stringify(value));
  }

  /** What this tab alone sees; it outlives a reload. */
  own(name) {
    return JSON.parse(sessionStorage.getItem(this.#prefix + name) ?? "null");
  }

  setOwn(name, value) {
    sessionStorage.setItem(this.#prefix + name, JSON.stringify(value));
  }

  remove(name) {
    localStorage.removeItem(this.#prefix + name);
    sessionStorage.removeItem(this.#prefix + name);
  }

  /** Nothing is left for whoever uses this browser next. */
  removeAll() {
    for (const storage of [localStorage, sessionStorage]) {
      for (const name of Object.keys(storage)) {
        if (name.startsWith(this.#prefix)) storage.removeItem(name);
      }
    }
  }

  /** Calls `hear` when another tab has changed something. */
  onChange(hear) {
    addEventListener("storage", ({ key }) => {
      if (key === null || key.startsWith(this.#prefix)) hear();
    });
  }
}
