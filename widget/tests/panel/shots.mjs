// Shows the panel in its states, and looks for what keeps people out: `node tests/panel/shots.mjs FOLDER`.

import { createServer } from "node:http";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";
import { bundle, size } from "./build.mjs";

const folder = process.argv[2] ?? "/tmp/shots";
await mkdir(folder, { recursive: true });
const script = await bundle(await readFile(new URL("../../src/script.ts", import.meta.url), "utf8"));
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const page = (query) => `<!doctype html><html lang="${query.get("lang") ?? "en"}" dir="${query.get("dir") ?? "ltr"}"
  ><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Shop</title>
  <script src="/usher.js" data-tenant="contoso" data-widget="web" defer></script>
  <link rel="stylesheet" href="/page.css"></head><body><main><h1>Desk lamps</h1><p>Warm light for long evenings.</p>
  <button>Put into the cart</button></main></body></html>`;
const pageCss = `html{font:16px Georgia;background:#f6f4ef;color:#222;color-scheme:light dark}
  @media (prefers-color-scheme:dark){html{background:#101114;color:#ddd}} main{padding:24px}
  div{margin:50px!important;padding:50px;background:red!important} button{font-size:40px;color:#030;background:#fff}`;
const csp = "default-src 'none'; script-src 'self'; style-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'";
const server = createServer((request, response) => {
  const url = new URL(request.url, "http://localhost");
  const [type, body] =
    url.pathname === "/usher.js" ? ["text/javascript", script]
    : url.pathname === "/page.css" ? ["text/css", pageCss]
    : ["text/html", page(url.searchParams)];
  response.setHeader("Content-Type", type);
  if (type === "text/html") response.setHeader("Content-Security-Policy", csp);
  response.end(body);
}).listen(0);
const base = `http://localhost:${server.address().port}/`;

const scenes = {
  launcher: () => {},
  unread: () => {
    window.played.begin();
    for (let n = 0; n < 3; n++) window.played.say({ text: "Are you there?", name: "Anna" });
  },
  empty: () => window.Usher.open(),
  talk: async () => {
    const chat = window.played;
    window.Usher.open();
    await window.Usher.ready;
    await new Promise((next) => setTimeout(next, 50));
    const at = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString();
    chat.say({ text: "My lamp doesn’t work.", from: "customer", id: "a", authenticated: false, delivery: "sent", at: at(1500) }, true);
    chat.emit("assigned", { sequence: ++chat.state.sequence + 1, queue: "service", agent: "Anna Lindqvist", past: true }, { agent: "Anna Lindqvist" });
    chat.say({ text: "Hello! Sorry to hear that. Which one is it?", name: "Anna Lindqvist", at: at(9) });
    chat.say({ text: "The number is on the bottom, like LX-2040.", name: "Anna Lindqvist", at: at(8) });
    chat.say({ text: "LX-2040, bought in May 🙂", from: "customer", id: "b", authenticated: false, delivery: "sent", at: at(7) });
    chat.emit("authentication-requested", { sequence: ++chat.state.sequence + 1, message: "So that I can see your order.", past: false });
    chat.authenticate();
    chat.say({ text: "Signed in now.", from: "customer", id: "c", authenticated: true, delivery: "sent", at: at(2) });
    chat.emit("read", { sequence: ++chat.state.sequence + 1, by: "agent", up_to: chat.state.sequence, past: false });
    chat.say({ text: "Thank you. I’ve sent you a new one; the old one may go to https://example.com/returns/averyveryveryverylongaddressthatneverends/andsoon", name: "Anna Lindqvist", at: at(1) });
    chat.emit("typing", { from: "agent" });
  },
  asked: async () => {
    const chat = window.played;
    window.Usher.open();
    await new Promise((next) => setTimeout(next, 50));
    chat.emit("assigned", { sequence: 2, queue: "service", agent: "Anna", past: false }, { agent: "Anna", sequence: 2 });
    chat.say({ text: "One moment, please.", name: "Anna" });
    chat.emit("authentication-requested", { sequence: 9, message: "So that I can see your order.", past: false });
  },
  downgraded: async () => {
    const chat = window.played;
    window.Usher.open();
    await new Promise((next) => setTimeout(next, 50));
    chat.authenticate();
    chat.accept(chat.send("Here is my order’s number: 4711-0815."), true);
    chat.downgrade();
  },
  offline: async () => {
    const chat = window.played;
    window.Usher.open();
    await new Promise((next) => setTimeout(next, 50));
    chat.accept(chat.send("This one went out."));
    chat.emit("connection", { state: "waiting" }, { connection: "waiting" });
    chat.send("This one waits.");
    const failed = chat.send("This one is too much.");
    chat.emit("message", { ...failed, delivery: "failed", past: false });
    chat.emit("error", { code: "rate_limited", message: "", action: "", temporary: true });
  },
  gate: async () => {
    window.played.kept = true;
    window.played.refusal = { code: "authentication_required", message: "", action: "", temporary: false, in_reply_to: "resume" };
    window.Usher.open();
  },
  ended: async () => {
    window.Usher.open();
    await new Promise((next) => setTimeout(next, 50));
    window.played.accept(window.played.send("That was all, thank you."));
    window.played.end();
  },
  signedOut: async () => {
    window.Usher.open();
    await new Promise((next) => setTimeout(next, 50));
    window.played.signOut();
  },
};
const flavours = {
  light: {},
  dark: { colorScheme: "dark" },
  phone: { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true },
  rtl: { query: "?dir=rtl" },
  zoom: { viewport: { width: 640, height: 360 } },
  forced: { forcedColors: "active" },
  narrow: { viewport: { width: 320, height: 256 } },
  russian: { query: "?lang=ru" },
};
const wanted = process.argv.slice(3);
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
});
let faults = 0;
for (const [flavour, { query = "", ...options }] of Object.entries(flavours)) {
  if (wanted.length > 0 && !wanted.includes(flavour)) continue;
  for (const [scene, play] of Object.entries(scenes)) {
    const context = await browser.newContext({ viewport: { width: 1000, height: 720 }, bypassCSP: false, ...options });
    const tab = await context.newPage();
    tab.on("console", (message) => message.type() === "error" && console.log(flavour, scene, message.text()));
    tab.on("pageerror", (error) => console.log(flavour, scene, error.message));
    await tab.goto(base + query);
    await tab.evaluate(() => window.Usher.ready);
    await tab.evaluate(play);
    await tab.waitForTimeout(250);
    await tab.screenshot({ path: `${folder}/${flavour}-${scene}.png` });
    const cdp = await context.newCDPSession(tab);
    await cdp.send("Page.setBypassCSP", { enabled: true });
    await tab.evaluate((source) => {
      const policy = window.trustedTypes?.createPolicy?.bind(window.trustedTypes);
      void policy;
      return source.length;
    }, axe);
    const client = await cdp.send("Runtime.evaluate", { expression: `${axe}; axe.run().then((r) => JSON.stringify(r.violations.map((v) => [v.id, v.nodes.map((n) => n.target.join(" ") + " " + n.failureSummary)])))`, awaitPromise: true });
    const violations = JSON.parse(client.result.value ?? "[]");
    faults += violations.length;
    for (const violation of violations) console.log(flavour, scene, JSON.stringify(violation).slice(0, 900));
    await context.close();
  }
}
await browser.close();
server.close();
console.log(`usher.js with a played chat: ${size(script)} B gzip; ${faults} violations`);
