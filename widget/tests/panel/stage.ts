// A page with the panel and a chat that is played, and what tests look at in it.

import { afterAll, afterEach, beforeAll, expect } from "vitest";
import type { Locator, Page } from "playwright-core";
import { Shop, type Visit } from "./page.ts";
import { scenes } from "./scenes.ts";

export const launcher = (page: Page): Locator => page.locator(".launcher");
export const dialog = (page: Page): Locator => page.getByRole("dialog");
export const field = (page: Page): Locator => page.locator("textarea");
export const asked = (page: Page): Promise<string[]> => page.evaluate(() => window.played.asked);
/** The class of what has the focus within the panel, or the page's element. */
export const focused = (page: Page): Promise<string> => {
  return page.evaluate(() => {
    const inner = document.querySelector("[data-usher]")?.shadowRoot?.activeElement ?? document.activeElement;
    return inner ? inner.className || inner.tagName.toLowerCase() : "";
  });
};
export const until = async (about: () => Promise<unknown>): Promise<void> => {
  await expect.poll(about, { timeout: 5000, interval: 20 }).toBeTruthy();
};
/** What was drawn after the last word. */
export const drawn = (page: Page): Promise<unknown> => {
  return page.evaluate(() => new Promise((next) => requestAnimationFrame(() => setTimeout(next))));
};

export async function play(shop: Shop, scene: keyof typeof scenes, visit: Visit = {}): Promise<Page> {
  const page = await shop.visit(visit);
  await scenes[scene]?.(page);
  await drawn(page);
  return page;
}

/** The tests of one file share a server and a browser; no page of theirs may have logged an error. */
export function opened(): { shop: Shop } {
  const stage: { shop?: Shop } = {};
  beforeAll(async () => {
    stage.shop = await Shop.open();
  });
  afterEach(() => {
    expect(stage.shop?.errors).toEqual([]);
  });
  afterAll(() => stage.shop?.close());
  return stage as { shop: Shop };
}
