// A shop's page with the real panel and a chat that is played, under a strict Content-Security-Policy.

import { createServer, type Server } from "node:http";
import { fileURLToPath } from "node:url";
import type { Plugin } from "esbuild";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";
import { inject } from "vitest";
import { bundle } from "../../bundle.mjs";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const played: Plugin = {
  name: "played",
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/index\.ts$/ }, () => ({ path: here("played.ts") }));
  },
};

const POLICY =
  "default-src 'none'; img-src data:; script-src 'self'; style-src 'self'; " +
  "require-trusted-types-for 'script'; trusted-types 'none'";

// Rules that would break any panel they could reach.
const PAGE_STYLE = `
  html { font: 16px Georgia, serif; background: #f6f4ef; color: #222; color-scheme: light dark }
  @media (prefers-color-scheme: dark) { html { background: #101114; color: #ddd } }
  body { margin: 0; display: grid; gap: 40px }
  main { padding: 24px }
  div { margin: 50px !important; padding: 50px; background: red !important; position: static !important }
  button { font-size: 40px; color: #030; background: #fff; text-transform: uppercase }
`;

export interface Visit extends BrowserContextOptions {
  /** Attributes of `html`. */
  html?: string;
  /** Attributes of our script tag. */
  script?: string;
  /** What stands after it in the head, and in the body. */
  head?: string;
  body?: string;
  /** The Content-Security-Policy. */
  policy?: string;
}

export class Shop {
  readonly #server: Server;
  readonly #browser: Browser;
  readonly errors: string[] = [];
  #visit: Visit = {};

  private constructor(server: Server, browser: Browser) {
    this.#server = server;
    this.#browser = browser;
  }

  static async open(): Promise<Shop> {
    const script = String(await bundle("src/script.ts", "iife", [played]));
    const browser = await chromium.connect(inject("browser"));
    const server = createServer((request, response) => {
      const { pathname } = new URL(request.url ?? "/", "http://localhost");
      const files: Record<string, [string, string]> = {
        "/usher.js": ["text/javascript", script],
        "/page.css": ["text/css", PAGE_STYLE],
        "/ready.js": ["text/javascript", "window.addEventListener('usher:ready', () => window.heard = true)"],
      };
      const [type, body] = files[pathname] ?? ["text/html", shop.#page()];
      response.setHeader("Content-Type", `${type}; charset=utf-8`);
      if (type === "text/html") response.setHeader("Content-Security-Policy", shop.#visit.policy ?? POLICY);
      response.end(body);
    });
    const shop = new Shop(server, browser);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return shop;
  }

  /** A page of a browser of its own, once the panel is ready. */
  async visit(visit: Visit = {}): Promise<Page> {
    const { html, script, head, body, policy, ...options } = visit;
    this.#visit = visit;
    const context = await this.#browser.newContext({ viewport: { width: 1000, height: 720 }, ...options });
    const page = await context.newPage();
    page.on("console", (message) => {
      if (message.type() === "error") this.errors.push(message.text());
    });
    page.on("pageerror", (error) => this.errors.push(error.message));
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the shop listens nowhere");
    await page.goto(`http://localhost:${address.port}/`);
    await page.evaluate(() => window.Usher?.ready);
    return page;
  }

  async close(): Promise<void> {
    await this.#browser.close();
    this.#server.close();
  }

  #page(): string {
    const { html = 'lang="en"', script = "defer", head = "", body = "" } = this.#visit;
    return `<!doctype html><html ${html}><head><meta charset="utf-8"><title>Shop</title>
      <meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/page.css">
      <link rel="icon" href="data:,">
      <script src="/usher.js" data-tenant="contoso" data-widget="web" ${script}></script>${head}</head>
      <body><main><h1>Desk lamps</h1><p>Warm light for long evenings.</p><button>Into the cart</button>${body}</main>
      </body></html>`;
  }
}
