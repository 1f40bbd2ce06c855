// What the script tag does to a page: how the panel looks there, and what the page has of it.

import { describe, expect, test } from "vitest";
import type { Page } from "playwright-core";
import type { Visit } from "./page.ts";
import type { scenes } from "./scenes.ts";
import { asked, dialog, drawn, field, launcher, opened, play as playIn, until } from "./stage.ts";

const stage = opened();
const play = (scene: keyof typeof scenes, visit: Visit = {}): Promise<Page> => playIn(stage.shop, scene, visit);

describe("the look", () => {
  test("nothing of the page's style comes in, and none of ours goes out", async () => {
    const page = await play("talk");
    const host = await page.locator("[data-usher]").evaluate((element) => {
      const { position, margin, padding, backgroundColor } = getComputedStyle(element);
      return [position, margin, padding, backgroundColor];
    });
    expect(host).toEqual(["fixed", "0px", "0px", "rgba(0, 0, 0, 0)"]);
    const sizes = await page
      .locator(".send, main button")
      .evaluateAll((all) => all.map((each) => getComputedStyle(each).textTransform));
    expect(sizes).toEqual(["uppercase", "none"]);
  });

  test("the page's custom properties change it", async () => {
    const page = await play("empty");
    await page.evaluate(() => document.documentElement.style.setProperty("--usher-accent", "rgb(1, 2, 3)"));
    expect(await page.locator(".head").evaluate((head) => getComputedStyle(head).backgroundColor)).toBe("rgb(1, 2, 3)");
  });

  test("the page may want the light scheme where the customer's is dark", async () => {
    const page = await play("empty", { colorScheme: "dark" });
    const color = () => page.locator(".panel").evaluate((panel) => getComputedStyle(panel).backgroundColor);
    expect(await color()).toBe("rgb(26, 28, 34)");
    await page.evaluate(() => document.documentElement.style.setProperty("--usher-color-scheme", "light"));
    expect(await color()).toBe("rgb(255, 255, 255)");
  });

  test.each([
    ["defer", "en", "right"],
    ["defer", 'en" dir="rtl', "left"],
    ['defer data-position="left"', "en", "left"],
    ['defer data-position="right"', 'en" dir="rtl', "right"],
    ['defer data-locale="ar"', "en", "left"],
    ['defer data-locale="en"', 'ar" dir="rtl', "right"],
  ])("%s on a page in %s stands %s", async (script, lang, side) => {
    const page = await stage.shop.visit({ script, html: `lang="${lang}"` });
    const box = await launcher(page).boundingBox();
    expect((box?.x ?? 0) > 500 ? "right" : "left").toBe(side);
  });

  test("a page with a button of its own has no other", async () => {
    const page = await stage.shop.visit({ script: 'defer data-launcher="none"' });
    await page.evaluate(() => window.Usher?.ready);
    expect(await launcher(page).isVisible()).toBe(false);
    await page.evaluate(() => window.Usher?.open());
    await dialog(page).waitFor();
    await page.evaluate(() => window.Usher?.minimize());
    await dialog(page).waitFor({ state: "hidden" });
    expect(await launcher(page).isVisible()).toBe(false);
  });

  test("a page in print is without it", async () => {
    const page = await play("talk");
    expect(await dialog(page).isVisible()).toBe(true);
    await page.emulateMedia({ media: "print" });
    expect(await dialog(page).isVisible()).toBe(false);
  });

  test("nothing moves for who wants no motion", async () => {
    const moving = (page: Page) =>
      page.evaluate(() => document.querySelector("[data-usher]")?.shadowRoot?.getAnimations().length);
    expect(await moving(await play("talk", { reducedMotion: "no-preference" }))).toBeGreaterThan(0);
    expect(await moving(await play("talk", { reducedMotion: "reduce" }))).toBe(0);
  });
});

describe("window.Usher", () => {
  test.each([["defer"], ["async"], [""]])("a script tag with '%s' tells those that listen below it", async (script) => {
    const page = await stage.shop.visit({ script, body: '<script src="/ready.js" type="module"></script>' });
    await until(() => page.evaluate(() => Reflect.get(window, "heard") === true));
    expect(await launcher(page).isVisible()).toBe(true);
  });

  test("a second inclusion does nothing", async () => {
    const again = '<script src="/usher.js" data-tenant="contoso" data-widget="web" defer></script>';
    const page = await stage.shop.visit({ head: again + again });
    expect(await page.locator("[data-usher]").count()).toBe(1);
  });

  test("a script that is put in after the load finds its attributes, and tells those that listen then", async () => {
    const page = await stage.shop.visit({ script: 'type="text/plain"', policy: "script-src 'self'" });
    await page.evaluate(() => {
      const script = document.createElement("script");
      Object.assign(script.dataset, { tenant: "contoso", widget: "web", locale: "fr" });
      script.src = "/usher.js";
      document.head.append(script);
      script.addEventListener("load", () => {
        window.addEventListener("usher:ready", ({ detail }: CustomEventInit<unknown>) =>
          Object.assign(window, { detail }),
        );
      });
    });
    await until(() => page.evaluate(() => Reflect.get(window, "detail") !== undefined));
    expect(await page.evaluate(() => Reflect.get(window, "detail"))).toEqual({ tenant: "contoso", widget: "web" });
    expect(await launcher(page).getAttribute("aria-label")).toBe("Ouvrir le chat");
  });

  test("a script tag that says no tenant is told what it lacks, and does no harm", async () => {
    const page = await stage.shop.visit({
      script: 'type="text/plain"',
      head: '<script src="/usher.js" defer></script>',
    });
    await drawn(page);
    expect(stage.shop.errors.splice(0)).toEqual([expect.stringContaining("data-tenant")]);
    expect(await page.locator("[data-usher]").count()).toBe(0);
  });

  test("a kept conversation is taken up at the page's load, and the panel stays small", async () => {
    const page = await stage.shop.visit({ html: 'lang="en" data-kept' });
    await until(async () => (await asked(page)).includes("start"));
    expect(await dialog(page).isVisible()).toBe(false);
  });

  test("nothing is begun before somebody wants it", async () => {
    const page = await stage.shop.visit();
    await drawn(page);
    expect(await asked(page)).toEqual(["locale en"]);
  });

  test("every event of the chat is an event of the page, until it isn't listened to", async () => {
    const page = await stage.shop.visit();
    const heard = await page.evaluate(() => {
      const heard: unknown[] = [];
      const usher = window.Usher;
      const stop = usher?.on("token-expiring", (detail) => heard.push(detail.expires_at));
      const events = ["typing", "read", "assigned", "authentication-requested", "token-expiring", "context"];
      for (const name of events) window.addEventListener(`usher:${name}`, ({ type }) => heard.push(type));
      const chat = window.played;
      chat.emit("typing", { from: "agent" });
      chat.emit("read", { sequence: 2, by: "agent", up_to: 1, past: false });
      chat.emit("assigned", { sequence: 3, queue: "q", past: false });
      chat.emit("authentication-requested", { sequence: 4, past: false });
      chat.emit("token-expiring", { expires_at: "then", refresh_by: "before" });
      stop?.();
      chat.emit("token-expiring", { expires_at: "later", refresh_by: "before" });
      chat.emit("context", { accepted: [], rejected: [] });
      return heard;
    });
    const names = ["typing", "read", "assigned", "authentication-requested"].map((name) => `usher:${name}`);
    expect(heard).toEqual([...names, "then", "usher:token-expiring", "usher:token-expiring", "usher:context"]);
  });

  test("texts can be said otherwise, at once", async () => {
    const page = await play("talk");
    await page.evaluate(() =>
      window.Usher?.setTexts({ write: "Schreib uns", signedIn: "Bekannt", joined: "{name} da" }),
    );
    expect(await field(page).getAttribute("placeholder")).toBe("Schreib uns");
    expect(await page.locator(".head .mark").textContent()).toBe("Bekannt");
    expect(await page.locator(".note").first().textContent()).toBe("Anna Lindqvist da");
  });

  test("the panel speaks the language of the script tag, else of the page", async () => {
    const page = await stage.shop.visit({ html: 'lang="ja"' });
    expect(await launcher(page).getAttribute("aria-label")).toBe("チャットを開く");
    const other = await stage.shop.visit({ html: 'lang="ja"', script: 'defer data-locale="es"' });
    expect(await launcher(other).getAttribute("aria-label")).toBe("Abrir el chat");
    expect(await asked(other)).toEqual(["locale es"]);
  });
});
