// The shop's own script: what a web developer writes beside the widget's tag, and a record for the tests.

window.heard = [];
window.shifts = [];
for (const name of [
  "ready",
  "started",
  "message",
  "typing",
  "authentication",
  "authentication-requested",
  "token-expiring",
  "error",
  "ended",
  "cleared",
  "connection",
  "panel",
]) {
  window.addEventListener(`usher:${name}`, (event) => {
    window.heard.push({ name, detail: structuredClone(event.detail) });
  });
}
window.shopToken = async () => (await fetch("/token")).text();
window.addEventListener("usher:ready", () => {
  if ("{{provider}}" !== "none") {
    window.Usher.setAuthTokenProvider(window.shopToken);
  }
});
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    // What moves within the widget has no node here.
    for (const { node, previousRect, currentRect } of entry.sources.filter(({ node }) => node)) {
      window.shifts.push(`${node.nodeName}: ${JSON.stringify([previousRect, currentRect])}`);
    }
  }
}).observe({ type: "layout-shift", buffered: true });
