// A gateway, a shop and an agent's desk for the tests of one file, and a browser of a customer for each test.

import { afterAll, afterEach, beforeAll, beforeEach, expect, inject } from "vitest";
import { chromium } from "playwright-core";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { Desk } from "./desk.ts";
import { Gateway } from "./gateway.ts";
import type { GatewaySettings } from "./gateway.ts";
import { Shop } from "./shop.ts";
import { PATIENCE } from "./wait.ts";

/** What a test has at hand. */
export interface World {
  readonly gateway: Gateway;
  readonly shop: Shop;
  readonly desk: Desk;
  /** A customer's browser: storage and cookies of its own, all gone after the test. */
  customer(options?: BrowserContextOptions): Promise<BrowserContext>;
  /** What went wrong in the pages of this test: exceptions that nobody caught, and violations of their policies. */
  errors(): readonly string[];
  /** What is expected to go wrong there: errors that this matches don't fail the test. */
  tolerate(error: RegExp): void;
}

/** The name of a customer that no other test has. */
export function someone(name = "anna"): string {
  return `${name}-${Math.random().toString(36).slice(2, 10)}`;
}

export function begin(settings: Partial<GatewaySettings> = {}): World {
  const open: { gateway?: Gateway; shop?: Shop; desk?: Desk; browser?: Browser } = {};
  const contexts: BrowserContext[] = [];
  let errors: string[] = [];
  let tolerated: RegExp[] = [];

  beforeAll(async () => {
    const shop = await Shop.begin(inject("bundles"));
    open.shop = shop;
    const gateway = await Gateway.begin({ publicKeyUrl: shop.publicKeyUrl, origins: shop.origins, ...settings });
    open.gateway = gateway;
    open.desk = new Desk(gateway);
    open.browser = await chromium.connect(inject("browser"));
    const [url, ws] = [gateway.url, gateway.url.replace("http:", "ws:")];
    shop.values = { gateway: url, script: `${shop.url}/widget/v1/usher.js`, tenant: "contoso", widget: "web" };
    shop.policies.strict =
      `default-src 'none'; script-src 'self' ${url}; connect-src 'self' ${url} ${ws}; style-src 'none'; ` +
      "require-trusted-types-for 'script'; trusted-types 'none'";
  });
  beforeEach(() => {
    open.shop?.reset();
    open.gateway?.network.restore();
    errors = [];
    tolerated = [];
  });
  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()));
    const unexpected = errors.filter((error) => !tolerated.some((expected) => expected.test(error)));
    expect(unexpected, "errors in the pages").toEqual([]);
  });
  afterAll(async () => {
    await open.browser?.close();
    await open.gateway?.end();
    await open.shop?.end();
  });

  return {
    get gateway() {
      return there(open.gateway);
    },
    get shop() {
      return there(open.shop);
    },
    get desk() {
      return there(open.desk);
    },
    async customer(options = {}) {
      const context = await there(open.browser).newContext(options);
      context.setDefaultTimeout(PATIENCE);
      contexts.push(context);
      context.on("weberror", (error) => errors.push(String(error.error())));
      await context.addInitScript(() => {
        document.addEventListener("securitypolicyviolation", (event) => {
          throw new Error(`the policy forbids it: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
        });
      });
      return context;
    },
    errors: () => errors,
    tolerate(error) {
      tolerated.push(error);
    },
  };
}

/** Opens a page of the shop; what `{{name}}` in it stands for may be given. */
export async function visit(
  context: BrowserContext,
  world: World,
  file: string,
  values: Record<string, string> = {},
  origin = world.shop.url,
): Promise<Page> {
  const page = await context.newPage();
  const query = new URLSearchParams(values).toString();
  await page.goto(`${origin}/${file}${query === "" ? "" : `?${query}`}`);
  return page;
}

function there<Value>(value: Value | undefined): Value {
  if (value === undefined) {
    throw new Error("only within a test");
  }
  return value;
}
