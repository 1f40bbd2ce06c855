// Every state of the panel in every look: nothing keeps anybody out, and nothing is said to the console. With `SHOTS`
// set to a folder, pictures of all of them are left there.

import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Shop, type Visit } from "./page.ts";
import { scenes } from "./scenes.ts";

const looks: Record<string, Visit> = {
  light: {},
  dark: { colorScheme: "dark" },
  "right to left": { html: 'lang="en" dir="rtl"' },
  phone: { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true },
  "zoomed to 200 %": { viewport: { width: 640, height: 360 } },
  "320 pixels wide": { viewport: { width: 320, height: 256 } },
  "forced colours": { forcedColors: "active" },
};

let shop: Shop;
let axe: string;
beforeAll(async () => {
  shop = await Shop.open();
  axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
});
afterAll(() => shop.close());

interface Finding {
  id: string;
  nodes: { target: string[]; failureSummary: string }[];
}

describe.each(Object.entries(looks))("%s", (look, visit) => {
  test.each(Object.entries(scenes))("%s", async (scene, play) => {
    const page = await shop.visit({ reducedMotion: "reduce", ...visit });
    await play(page);
    await page.evaluate(() => new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next))));
    const folder = process.env.SHOTS;
    if (folder) await page.screenshot({ path: `${folder}/${look.replaceAll(/\W+/g, "-")}-${scene}.png` });
    // By the debugger, whom the page's policy doesn't bind.
    const debug = await page.context().newCDPSession(page);
    const run = "axe.run({resultTypes:['violations']}).then(({violations})=>JSON.stringify(violations))";
    const { result } = await debug.send("Runtime.evaluate", { expression: `${axe};${run}`, awaitPromise: true });
    const findings = JSON.parse(String(result.value)) as Finding[];
    expect(findings.map(({ id, nodes }) => [id, nodes.map((node) => node.failureSummary)])).toEqual([]);
    expect(shop.errors).toEqual([]);
    await page.context().close();
  });
});
