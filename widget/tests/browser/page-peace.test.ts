// The widget leaves the page in peace, and the page's style leaves the widget in peace.

import { expect, test } from "vitest";
import { Panel } from "./support/panel.ts";
import { begin, visit } from "./support/world.ts";

const world = begin();

test("nothing of the page moves when the widget comes, opens, gets messages and is minimized", async () => {
  const panel = await Panel.visit(await world.customer(), world);
  const places = () =>
    panel.page.evaluate(() =>
      [...document.querySelectorAll("body, header, main, p, button, input")].map((element) => {
        const { x, y, width, height } = element.getBoundingClientRect();
        return [x, y, width, height, getComputedStyle(element).font].join(" ");
      }),
    );
  const before = await places();
  await panel.launcher.click();
  await panel.say("Hello");
  await world.desk.say(await panel.conversation(), "Good morning");
  await panel.message("Good morning").waitFor();
  expect(await places()).toEqual(before);
  await panel.button("Minimize").click();
  await panel.launcher.waitFor();
  expect(await places()).toEqual(before);
  expect(await panel.page.evaluate(() => (window as unknown as { shifts: string[] }).shifts)).toEqual([]);
  const size = await panel.page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  expect(size[0]).toBe(size[1]);
});

test("the page's style doesn't reach into the panel", async () => {
  const panel = await Panel.open(await world.customer(), world);
  const before = await panel.field.evaluate((element) => ({ ...getComputedStyle(element) }));
  expect(before.borderStyle).not.toContain("dashed");
  const far = "color: red !important; text-transform: uppercase; letter-spacing: 9px";
  await panel.page.addStyleTag({ content: `* { ${far} }` });
  await panel.page.addStyleTag({ content: "div, button, textarea, section { display: none !important }" });
  expect(await panel.field.isVisible()).toBe(true);
  const style = await panel.field.evaluate((element) => ({ ...getComputedStyle(element) }));
  for (const property of ["color", "textTransform", "letterSpacing", "fontSize", "display"] as const) {
    expect(style[property], property).toBe(before[property]);
  }
});

test("a customer who writes into a field of the page goes on writing there", async () => {
  const page = await visit(await world.customer(), world, "shop.html", { lang: "en", dir: "ltr" });
  await page.locator("#search").focus();
  await new Panel(page).ready();
  await new Panel(page).launcher.waitFor();
  expect(await page.evaluate(() => document.activeElement?.id)).toBe("search");
  await page.keyboard.type("coffee");
  expect(await page.locator("#search").inputValue()).toBe("coffee");
});

test("nothing is loaded from anywhere but the shop and the gateway", async () => {
  const context = await world.customer();
  const origins = new Set<string>();
  context.on("request", (request) => origins.add(new URL(request.url()).origin));
  const panel = await Panel.open(context, world);
  await panel.say("Hello");
  origins.delete("null");
  expect([...origins].filter((origin) => ![world.shop.url, world.gateway.url].includes(origin))).toEqual([]);
});
