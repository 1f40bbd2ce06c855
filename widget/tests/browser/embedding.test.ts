// Pages that make it hard: frames, and policies that allow next to nothing.

import { expect, test } from "vitest";
import type { Frame } from "playwright-core";
import { Panel } from "./support/panel.ts";
import type { PanelOptions } from "./support/panel.ts";
import { eventually, until } from "./support/wait.ts";
import { begin, someone, visit } from "./support/world.ts";

const world = begin();

/** A page of the portal that has the shop, from this origin, in a frame. */
async function framed(origin: string, options: PanelOptions & { attributes?: string } = {}): Promise<Panel> {
  const { attributes = "", ...values } = options;
  const context = await world.customer();
  await world.shop.login(context, someone());
  const query = new URLSearchParams({ lang: "en", dir: "ltr", ...values }).toString();
  const page = await visit(context, world, "frame.html", { src: `${origin}/shop.html?${query}`, attributes });
  const inner = () => page.frames().find((frame) => frame !== page.mainFrame() && frame.url().includes("shop.html"));
  const frame = await until<Frame>("the frame", inner);
  const panel = new Panel(frame);
  await panel.ready();
  await panel.launcher.click();
  await panel.field.waitFor();
  return panel;
}

async function chat(panel: Panel): Promise<void> {
  await panel.say("From a frame");
  const conversation = await panel.conversation();
  await world.desk.say(conversation, "To a frame");
  await panel.message("To a frame").waitFor();
  await world.desk.expectSaid(conversation, ["customer: From a frame", "agent: To a frame"]);
}

test("in a frame of the page's own origin it signs in and chats", async () => {
  const panel = await framed(world.shop.url);
  await chat(panel);
  expect((await panel.state()).authentication?.status).toBe("authenticated");
});

test("in a frame of another origin it chats", async () => {
  await chat(await framed(world.shop.otherOrigin));
});

test("in a frame of another site it chats", async () => {
  await chat(await framed(world.shop.otherSite, { provider: "none" }));
});

test("in a sandboxed frame, where there is no storage, it chats in memory", async () => {
  const panel = await framed(world.shop.url, {
    attributes: 'sandbox="allow-scripts"',
    widget: "anywhere",
    provider: "none",
  });
  await chat(panel);
});

test("under a strict policy with Trusted Types it works, looks as it should, and violates nothing", async () => {
  const [context, anna] = [await world.customer(), someone()];
  await world.shop.login(context, anna);
  const panel = await Panel.open(context, world, { file: "strict.html", policy: "strict" });
  await panel.say("Under a policy");
  const conversation = await panel.conversation();
  await world.desk.say(conversation, "Seen");
  await panel.message("Seen").waitFor();
  expect((await panel.state()).authentication?.status).toBe("authenticated");
  const box = await panel.log.boundingBox();
  expect(box?.width, "the style is in force").toBeLessThan(480);
  const position = await panel.launcher
    .or(panel.field)
    .first()
    .evaluate((element) => {
      const host = (element.getRootNode() as ShadowRoot).host;
      const parts = [host, ...(host.shadowRoot?.children ?? [])];
      return parts.map((part) => getComputedStyle(part).position);
    });
  expect(position).toContain("fixed");

  expect((await panel.saved(() => panel.choose("Download transcript"))).text).toContain("Under a policy");
  await world.desk.expectSaid(conversation, ["customer: Under a policy", "agent: Seen"]);
});

test("a browser without Web Locks, channels and storage chats in memory", async () => {
  const context = await world.customer();
  await context.addInitScript(() => {
    Reflect.deleteProperty(Navigator.prototype, "locks");
    Reflect.deleteProperty(window, "BroadcastChannel");
    Object.defineProperty(window, "localStorage", {
      get() {
        throw new DOMException("denied", "SecurityError");
      },
    });
  });
  const anna = someone();
  await world.shop.login(context, anna);
  const panel = await Panel.open(context, world);
  await panel.say("Old browser");
  expect((await panel.state()).authentication).toMatchObject({ subject: anna });
  await world.desk.expectSaid(await panel.conversation(), ["customer: Old browser"]);
  await eventually(async () => (await world.desk.of(anna)).length).toBe(1);
});
