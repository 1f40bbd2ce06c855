// `usher demo`: the shop with the real widget, the console beside it, and what is on the wire.

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import axe from "axe-core";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { chromium } from "playwright-core";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { eventually } from "./support/wait.ts";

const PROGRAM = process.env.USHER_BIN ?? fileURLToPath(new URL("../../../target/debug/usher", import.meta.url));
const FOLDER = fileURLToPath(new URL("../../../target/widget-screenshots/", import.meta.url));
const WIDE = { viewport: { width: 1500, height: 920 } };

let demo: ChildProcess;
let folder: string;
let shop: string;
let browser: Browser;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "usher-demo-test-"));
  demo = spawn(PROGRAM, ["demo", "--port", "0"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, TMPDIR: folder },
  });
  process.once("exit", () => demo.kill("SIGKILL"));
  for await (const line of createInterface({ input: demo.stdout ?? process.stdin })) {
    shop ??= /Open the shop +(http:\S+)\//.exec(line)?.[1] ?? shop;
    if (line.includes("Ctrl-C")) {
      break;
    }
  }
  browser = await chromium.connect(inject("browser"));
});
afterAll(async () => {
  await browser?.close();
  const gone = new Promise((resolve) => demo.once("exit", resolve));
  demo.kill("SIGINT");
  await gone;
  await rm(folder, { recursive: true, force: true });
});

/** Somebody in the shop. */
async function visit(options: BrowserContextOptions = WIDE): Promise<{ context: BrowserContext; page: Page }> {
  const context = await browser.newContext(options);
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      throw new Error(`the policy forbids it: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
  return { context, page: await tab(context) };
}

async function tab(context: BrowserContext, origin = shop): Promise<Page> {
  const page = await context.newPage();
  page.on("pageerror", (error) => expect.fail(`in the page: ${error.message}`));
  await page.goto(`${origin}/`);
  await page.waitForFunction(() => window.Usher !== undefined);
  await page.getByRole("button", { name: /^Sign/ }).first().waitFor();
  return page;
}

async function chat(page: Page, text: string): Promise<void> {
  await page.getByRole("button", { name: "Open chat" }).click();
  await page.getByRole("textbox", { name: "Write a message" }).fill(text);
  await page.keyboard.press("Enter");
}

const status = (page: Page) => page.locator("#state").getAttribute("data-status");
const desk = (page: Page) => page.frameLocator("#console");
const lines = (page: Page, list: "frames" | "events") => page.locator(`#${list} .name`).allTextContents();

test("a customer chats in the widget, is answered in the console, and the wire shows no token", async () => {
  const { context, page } = await visit();
  const tokens: string[] = [];
  page.on("response", (response) => {
    if (response.url().includes("/auth/token")) {
      void response.text().then(
        (text) => tokens.push(text),
        () => {},
      );
    }
  });
  await page.getByRole("button", { name: /Ridge/ }).click();
  await page.getByRole("button", { name: "Sign in as Ada" }).click();
  await chat(page, "Where is my lamp?");
  await eventually(() => status(page)).toBe("authenticated");
  await desk(page).locator(".entry").first().click();
  await desk(page).locator(".theirs").getByText("Where is my lamp?").waitFor();
  await desk(page).getByLabel("Answer").fill("It left this morning.");
  await desk(page).getByLabel("Answer").press("Enter");
  await page.getByRole("log").getByText("It left this morning.").first().waitFor();
  await desk(page).getByText("No key needed here").waitFor();

  const frames = ["start", "started", "message", "accepted"];
  await eventually(() => lines(page, "frames")).toEqual(expect.arrayContaining(frames));
  await eventually(() => lines(page, "events")).toEqual(expect.arrayContaining(["started", "message"]));
  await page.locator("#frames summary", { hasText: "start with a token" }).click();
  const opened = await page.locator("#frames pre").first().textContent();
  expect(opened).toMatch(/RS256, kid shop-.*iat .*exp /);
  await eventually(() => tokens.length).toBeGreaterThan(0);
  const shown = (await page.locator("body").textContent()) ?? "";
  for (const token of tokens) {
    for (const part of token.split(".")) {
      expect(shown).not.toContain(part);
    }
  }
  const secrets = await page.evaluate(() => localStorage.getItem("usher:demo/web") ?? "");
  expect(shown).not.toContain(JSON.parse(secrets).resume_token);
  await context.close();
});

test("without new tokens the sign-in ends in both tabs, the chat goes on, and a token brings it back", async () => {
  const { context, page } = await visit();
  await page.getByLabel("A token lasts").selectOption("15");
  await page.getByRole("button", { name: "Sign in as Ben" }).click();
  await chat(page, "Hello");
  await eventually(() => status(page)).toBe("authenticated");
  const second = await tab(context);
  await eventually(() => status(second)).toBe("authenticated");
  expect(await second.locator("#elsewhere").isVisible(), "the first tab has the console").toBe(true);

  await page.getByLabel("The shop hands out tokens").uncheck();
  const downgraded = (one: Page) => one.locator('#state[data-status="downgraded"]').waitFor({ timeout: 30_000 });
  await Promise.all([page, second].map(downgraded));
  expect(await second.getByLabel("The shop hands out tokens").isChecked()).toBe(false);
  await page.getByLabel("The shop hands out tokens").check();
  await page.getByRole("button", { name: "Bring a token now" }).click();
  await eventually(() => status(page)).toBe("authenticated");
  await eventually(() => status(second)).toBe("authenticated");

  await page.close();
  await second.locator("#console").waitFor({ timeout: 15_000 });
  await desk(second).getByText("Live", { exact: true }).waitFor();
  await context.close();
});

test("a thief stays outside, what the page claims doesn't count, and who signs out leaves nothing", async () => {
  const { context, page } = await visit();
  await page.getByRole("button", { name: "Sign in as Ada" }).click();
  await chat(page, "Mine alone");
  await eventually(() => status(page)).toBe("authenticated");
  await page.getByRole("button", { name: "Try to get into this chat as a thief" }).click();
  const answers = page.locator("#answers li");
  await answers.nth(1).waitFor();
  expect(await answers.allTextContents()).toEqual([
    expect.stringContaining("refused, authentication_required"),
    expect.stringContaining("With Ben's token: refused, subject_mismatch"),
  ]);
  await page.getByRole("button", { name: "Claim to be a VIP" }).click();
  await page.getByText("not msdyn_isvip (what the token says stands)").waitFor();

  await page.getByRole("button", { name: "Sign out" }).click();
  await eventually(() => status(page)).toBe("none");
  expect(await page.evaluate(() => localStorage.getItem("usher:demo/web"))).toBeNull();
  await page.getByText("Nobody is signed in at the shop").waitFor();
  expect(await page.locator("[data-usher]").getByText("Mine alone").count()).toBe(0);
  const another = await tab(context, shop.replace("127.0.0.1", "localhost"));
  expect(await another.evaluate(() => Object.keys(localStorage))).toEqual([]);
  expect(await another.locator("#another").getAttribute("href")).toBe(`${shop}/`);
  await context.close();
});

for (const scheme of ["light", "dark"] as const) {
  test(`axe-core finds nothing in the shop, and a phone has room for it, ${scheme}`, async () => {
    mkdirSync(FOLDER, { recursive: true });
    for (const [name, viewport] of Object.entries({ wide: WIDE.viewport, phone: { width: 390, height: 844 } })) {
      const { context, page } = await visit({ viewport, colorScheme: scheme });
      await page.getByRole("button", { name: "Sign in as Ada" }).click();
      await page.evaluate(axe.source);
      const found = await page.evaluate(async () => {
        const { axe } = window as unknown as { axe: typeof import("axe-core") };
        const { violations } = await axe.run(document, { resultTypes: ["violations"], iframes: false });
        return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 120)}`));
      });
      expect(found, name).toEqual([]);
      const isTooWide = () => document.documentElement.scrollWidth > document.documentElement.clientWidth;
      expect(await page.evaluate(isTooWide), `${name} is wider than the window`).toBe(false);
      if (name === "wide") {
        await chat(page, "Hello");
        await eventually(() => status(page)).toBe("authenticated");
      }
      await page.screenshot({ path: `${FOLDER}demo-${scheme}-${name}.png` });
      await context.close();
    }
  });
}
