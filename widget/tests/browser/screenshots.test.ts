// Pictures of the panel for people to look at: `target/widget-screenshots/`. The tests judge the boxes alone.

import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { BrowserContextOptions } from "playwright-core";
import { en } from "../../src/texts/en.ts";
import { Panel } from "./support/panel.ts";
import type { PanelOptions } from "./support/panel.ts";
import { begin, someone } from "./support/world.ts";

const FOLDER = fileURLToPath(new URL("../../../target/widget-screenshots/", import.meta.url));
const world = begin();

interface Scene {
  name: string;
  browser?: BrowserContextOptions;
  page?: PanelOptions;
  said?: readonly [string, string];
}

const ENGLISH = ["Where is my parcel?", "Good morning! It is on its way."] as const;
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
const SCENES: Scene[] = [
  { name: "light" },
  { name: "dark", browser: { colorScheme: "dark" } },
  {
    name: "right-to-left",
    page: { lang: "ar", dir: "rtl" },
    said: ["أين طلبي؟ رقمه 4711", "صباح الخير! طلبك في الطريق."],
  },
  { name: "phone", browser: PHONE },
  { name: "phone-dark", browser: { ...PHONE, colorScheme: "dark" } },
  { name: "small-phone", browser: { ...PHONE, viewport: { width: 320, height: 480 } } },
  { name: "left", page: { attributes: 'data-position="left"' } },
  { name: "contrast", browser: { forcedColors: "active" } },
  { name: "russian", page: { lang: "ru" }, said: ["Где мой заказ?", "Доброе утро! Он уже в пути."] },
];

for (const { name, browser, page, said = ENGLISH } of SCENES) {
  test(`a picture of the panel: ${name}`, async () => {
    mkdirSync(FOLDER, { recursive: true });
    const [context, anna] = [await world.customer(browser), someone()];
    await world.shop.login(context, anna);
    const panel = await Panel.visit(context, world, page);
    await panel.frame.evaluate(() => window.Usher?.open());
    const conversation = await panel.conversation();
    await world.desk.assign(conversation, "Ines");
    await panel.frame.evaluate((text) => void window.Usher?.send(text), said[0]);
    await world.desk.expectSaid(conversation, [`customer: ${said[0]}`]);
    await world.desk.say(conversation, said[1]);
    await panel.log.getByText(said[1]).waitFor();
    await world.desk.requestSignIn(conversation, "https://www.contoso.com/".repeat(6));
    await panel.log.getByText("contoso.com").waitFor();
    await panel.page.screenshot({ path: `${FOLDER}${name}.png`, animations: "disabled" });

    const width = panel.page.viewportSize()?.width ?? 0;
    const parts = ["textarea", "[role=log]", "button"].map((part) => `[data-usher] ${part}`).join();
    for (const part of await panel.frame.locator(parts).all()) {
      const box = (await part.isVisible()) ? await part.boundingBox() : null;
      if (box !== null) {
        expect(box.x, "within the window").toBeGreaterThanOrEqual(0);
        expect(box.x + box.width, "within the window").toBeLessThanOrEqual(width);
      }
    }
    await panel.frame.evaluate(() => window.Usher?.minimize());
    await world.desk.say(conversation, said[1]);
    await panel.frame.waitForFunction(() => window.Usher?.getState().unread === 1);
    await panel.page.screenshot({ path: `${FOLDER}${name}-minimized.png`, animations: "disabled" });
  });
}

test("pictures of what else the panel has to say", async () => {
  mkdirSync(FOLDER, { recursive: true });
  const context = await world.customer();
  await world.shop.login(context, someone());
  world.shop.lifetime = 4;
  const panel = await Panel.open(context, world);
  const picture = async (name: string) => {
    await panel.page.screenshot({ path: `${FOLDER}state-${name}.png`, animations: "disabled" });
  };
  const conversation = await panel.conversation();
  await picture("begun");
  await panel.say("Hello");
  await panel.button("More").click();
  await picture("menu");
  await panel.button("End chat").click();
  await picture("end-asked");
  await panel.button("Cancel").click();
  world.shop.answer = "empty";
  await panel.bar(en.downgraded).waitFor();
  await world.desk.requestSignIn(conversation, "So that I can see your order");
  await panel.text("So that I can see your order").waitFor();
  await picture("downgraded");
  world.gateway.network.cut();
  await panel.bar(en.offline).waitFor();
  await panel.type("Are you there?");
  await panel.message("Are you there?").waitFor();
  await picture("no-connection");
  world.gateway.network.restore();
  await panel.message("Are you there?").filter({ hasText: "Sent" }).waitFor();
  await world.desk.end(conversation);
  await panel.button("New chat").waitFor();
  await picture("ended");

  const gate = await Panel.visit(await world.customer(), world, { widget: "required" });
  await gate.launcher.click();
  await gate.text(en.gate).waitFor();
  await gate.page.screenshot({ path: `${FOLDER}state-gate.png`, animations: "disabled" });
});
