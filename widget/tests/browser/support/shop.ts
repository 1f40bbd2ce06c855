// The shop: its pages, its token endpoint, and the public key of its tokens.
//
// It has two servers that do the same, so that there are two origins; `localhost` makes a third, on another site.

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { BrowserContext } from "playwright-core";
import { mint, publishedKeys } from "./tokens.ts";

const PAGES = new URL("../pages/", import.meta.url);
const KINDS: Record<string, string> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
};

/** What the token endpoint does: signs in whoever the cookie says, or one of the things that go wrong. */
export type TokenAnswer = "mint" | "fail" | "hang" | "empty" | { as: string } | { text: string };

export class Shop {
  /** How the token endpoint is at the moment. */
  answer: TokenAnswer = "mint";
  /** How long its tokens live, in seconds. */
  lifetime = 900;
  /** The signed variables of its tokens. */
  context: object | undefined;
  /** How often it was asked for a token. */
  calls = 0;
  /** Every token that it gave. */
  readonly tokens: string[] = [];
  /** What `{{name}}` in a page stands for, where the page's address doesn't say it. */
  values: Record<string, string> = {};
  /** The headers that a page gets where its address says `policy=name`. */
  policies: Record<string, string> = {};
  readonly #bundles: Record<string, string>;
  readonly #servers: Server[] = [];

  private constructor(bundles: Record<string, string>) {
    this.#bundles = bundles;
  }

  static async begin(bundles: Record<string, string>): Promise<Shop> {
    const shop = new Shop(bundles);
    for (let count = 0; count < 2; count += 1) {
      const server = createServer((request, response) => void shop.#serve(request, response));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      shop.#servers.push(server);
    }
    return shop;
  }

  /** The shop's origin. */
  get url(): string {
    return `http://127.0.0.1:${this.#port(0)}`;
  }

  /** Another origin of the same site. */
  get otherOrigin(): string {
    return `http://127.0.0.1:${this.#port(1)}`;
  }

  /** Another site. */
  get otherSite(): string {
    return `http://localhost:${this.#port(0)}`;
  }

  get origins(): string[] {
    return [this.url, this.otherOrigin, this.otherSite];
  }

  get publicKeyUrl(): string {
    return `${this.url}/publickey`;
  }

  /** The customer signs in on the shop's website, with this browser. */
  async login(context: BrowserContext, customer: string): Promise<void> {
    await context.addCookies([{ name: "customer", value: customer, url: this.url }]);
  }

  async logout(context: BrowserContext): Promise<void> {
    await context.clearCookies({ name: "customer" });
  }

  /** As it was in the beginning. */
  reset(): void {
    this.answer = "mint";
    this.lifetime = 900;
    this.context = undefined;
    this.calls = 0;
    this.tokens.length = 0;
  }

  async end(): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  #port(index: number): number {
    return (this.#servers[index]?.address() as AddressInfo).port;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", this.url);
    const bundle = this.#bundles[url.pathname.replace("/widget/v1/", "")];
    if (url.pathname === "/publickey") {
      response.end(publishedKeys());
    } else if (url.pathname === "/token") {
      this.#token(request, response);
    } else if (bundle !== undefined) {
      response.setHeader("access-control-allow-origin", "*");
      response.setHeader("content-type", "text/javascript; charset=utf-8").end(bundle);
    } else {
      await this.#page(url, response);
    }
  }

  async #page(url: URL, response: ServerResponse): Promise<void> {
    const file = new URL(`.${url.pathname}`, PAGES);
    const kind = KINDS[url.pathname.split(".").at(-1) ?? ""];
    if (!file.href.startsWith(PAGES.href) || kind === undefined || !existsSync(file)) {
      response.writeHead(url.pathname === "/favicon.ico" ? 204 : 404).end();
      return;
    }
    const policy = this.policies[url.searchParams.get("policy") ?? ""];
    if (policy !== undefined) {
      response.setHeader("content-security-policy", policy);
    }
    response.setHeader("content-type", kind).setHeader("cache-control", "no-store");
    const text = await readFile(file, "utf8");
    response.end(
      text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
        return url.searchParams.get(name) ?? this.values[name] ?? "";
      }),
    );
  }

  #token(request: IncomingMessage, response: ServerResponse): void {
    this.calls += 1;
    response.setHeader("cache-control", "no-store");
    const customer = /(?:^|; )customer=([^;]+)/.exec(request.headers.cookie ?? "")?.[1];
    if (this.answer === "hang") {
      return;
    }
    if (this.answer === "fail") {
      response.writeHead(500).end("the token service is down");
    } else if (typeof this.answer === "object" && "text" in this.answer) {
      response.end(this.answer.text);
    } else {
      const subject = typeof this.answer === "object" ? this.answer.as : customer;
      const token = this.answer === "empty" || subject === undefined ? "" : this.#mint(subject);
      response.end(token);
    }
  }

  #mint(subject: string): string {
    const token = mint(subject, this.lifetime, this.context);
    this.tokens.push(token);
    return token;
  }
}
