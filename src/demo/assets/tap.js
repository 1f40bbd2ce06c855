// Listens in on the page's WebSockets, for the strip that shows what is on the wire. It comes before the widget, which
// knows nothing of it: a frame goes out and comes in as it is.

(() => {
  const EARLY_MOST = 200;
  const early = [];
  let hear = (one) => {
    if (early.length < EARLY_MOST) early.push(one);
  };
  const tell = (direction, text) => hear({ at: Date.now(), direction, text });

  class Tapped extends WebSocket {
    constructor(...how) {
      super(...how);
      this.addEventListener("open", () =>
        tell("note", `connected to ${this.url}`),
      );
      this.addEventListener("message", ({ data }) => tell("in", data));
      this.addEventListener("close", ({ code, reason }) =>
        tell("note", `closed ${code}${reason ? ` ${reason}` : ""}`),
      );
    }

    send(data) {
      tell("out", data);
      super.send(data);
    }
  }

  window.WebSocket = Tapped;
  /** Hands over what was heard so far, and then everything as it comes. */
  window.tap = (listener) => {
    hear = listener;
    early.splice(0).forEach(listener);
  };
})();
