// Everything by keyboard, everything for a screen reader: axe-core finds nothing in any state of the panel.

import axe from "axe-core";
import { expect, test } from "vitest";
import { en } from "../../src/texts/en.ts";
import { Panel } from "./support/panel.ts";
import { eventually } from "./support/wait.ts";
import { begin, someone } from "./support/world.ts";

const world = begin();

/** What axe-core finds: the rule and where. */
async function faults(panel: Panel): Promise<string[]> {
  // Colours are judged as they are at rest.
  await eventually(() =>
    panel.page.evaluate(() => {
      const moving = document.querySelector("[data-usher]")?.shadowRoot?.getAnimations() ?? [];
      // The dots of who is typing never rest.
      const ends = (each: Animation) => each.effect?.getComputedTiming().endTime !== Infinity;
      return moving.filter((each) => each.playState === "running" && ends(each)).length;
    }),
  ).toBe(0);
  await panel.page.evaluate(axe.source);
  return panel.page.evaluate(async () => {
    const { axe } = window as unknown as { axe: typeof import("axe-core") };
    const host = document.querySelector("[data-usher]");
    if (host === null) {
      return ["there is no widget"];
    }
    const found = await axe.run(host, { resultTypes: ["violations", "incomplete"] });
    // What it can't judge is looked at too, but for what is scrolled half out of sight.
    const contrast = found.incomplete.filter(({ id }) => id === "color-contrast");
    return [...found.violations, ...contrast]
      .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 120)} ${node.failureSummary ?? ""}`))
      .filter((fault) => !fault.includes("partially obscured"));
  });
}

for (const scheme of ["light", "dark"] as const) {
  test(`axe-core finds nothing in any state of the panel, ${scheme}`, async () => {
    const [context, anna] = [await world.customer({ colorScheme: scheme }), someone()];
    const panel = await Panel.visit(context, world);
    expect(await faults(panel), "closed").toEqual([]);

    await panel.launcher.click();
    await panel.field.waitFor();
    const conversation = await panel.conversation();
    expect(await faults(panel), "opened, nothing said").toEqual([]);

    await panel.say("Hello");
    await world.desk.assign(conversation, "Ines");
    await world.desk.say(conversation, "Good morning");
    await world.desk.requestSignIn(conversation, "Please sign in");
    await panel.text("Please sign in").waitFor();
    await world.desk.typing(conversation);
    await panel.text("is typing").waitFor();
    expect(await faults(panel), "a conversation, and a request to sign in").toEqual([]);

    await world.shop.login(context, anna);
    world.shop.lifetime = 3;
    await panel.button("Sign in").click();
    await eventually(async () => (await panel.state()).authentication?.status).toBe("authenticated");
    await panel.say("Signed in");
    expect(await faults(panel), "signed in").toEqual([]);

    await panel.button("More").click();
    await panel.button("End chat").waitFor();
    expect(await faults(panel), "the menu").toEqual([]);
    await panel.page.keyboard.press("Escape");

    world.shop.answer = "empty";
    await panel.bar(en.downgraded).waitFor();
    expect(await faults(panel), "downgraded").toEqual([]);

    world.gateway.network.cut();
    await panel.bar(en.offline).waitFor();
    await panel.type("Waiting for the network");
    await panel.message("Waiting for the network").waitFor();
    expect(await faults(panel), "no connection").toEqual([]);
    world.gateway.network.restore();
    await panel.message("Waiting for the network").filter({ hasText: "Sent" }).waitFor();
    // Not before it is back: who comes back asks for a token by itself.
    world.shop.answer = "mint";
    world.shop.lifetime = 900;
    await panel
      .bar(en.downgraded)
      .getByRole("button", { name: /^Sign in/ })
      .click();
    await eventually(async () => (await panel.state()).authentication?.status).toBe("authenticated");

    await panel.button("Minimize").click();
    await world.desk.say(conversation, "Are you there?");
    await panel.frame.getByRole("button", { name: /1 new message/ }).waitFor();
    expect(await faults(panel), "minimized, with an unread message").toEqual([]);

    await panel.launcher.click();
    await world.desk.end(conversation);
    await panel.button("New chat").waitFor();
    expect(await faults(panel), "ended").toEqual([]);
  });
}

test("a whole chat by keyboard alone, and the focus comes back to where it was", async () => {
  const panel = await Panel.visit(await world.customer(), world);
  const { page } = panel;
  const focused = () =>
    page.evaluate(() => {
      const inner = document.activeElement?.shadowRoot?.activeElement ?? document.activeElement;
      return inner?.getAttribute("aria-label") ?? inner?.textContent?.trim() ?? "";
    });
  const tabTo = async (name: RegExp, key = "Tab") => {
    for (let step = 0; step < 20 && !name.test(await focused()); step += 1) {
      await page.keyboard.press(key);
    }
    expect(await focused()).toMatch(name);
  };
  await tabTo(/Open chat/);
  await page.keyboard.press("Enter");
  await eventually(focused).toMatch(/Write a message/);
  await page.keyboard.type("By keyboard");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("in two lines");
  await page.keyboard.press("Enter");
  await panel.message("By keyboard").filter({ hasText: "Sent" }).waitFor();
  expect(await focused()).toMatch(/Write a message/);
  const conversation = await panel.conversation();
  await world.desk.expectSaid(conversation, ["customer: By keyboard\nin two lines"]);

  await tabTo(/More/, "Shift+Tab");
  await page.keyboard.press("Enter");
  await panel.button("End chat").waitFor();
  await page.keyboard.press("Escape");
  await eventually(() => panel.button("End chat").isVisible()).toBe(false);
  expect(await focused()).toMatch(/More/);
  expect((await panel.state()).panel).toBe("open");
  await page.keyboard.press("Enter");
  await tabTo(/End chat/);
  await page.keyboard.press("Enter");
  await panel.text(en.endAsk).waitFor();
  await page.keyboard.press("Escape");
  expect((await world.desk.conversation(conversation)).status).toBe("open");

  // Escape leaves the panel, and the focus is on the button that brought it up.
  await tabTo(/Write a message/);
  await page.keyboard.press("Escape");
  await panel.launcher.waitFor();
  await eventually(focused).toMatch(/Open chat/);
  expect((await panel.state()).panel).toBe("minimized");
});

test("a screen reader hears new messages from a live region, and not the past", async () => {
  const context = await world.customer();
  // What the region said of itself whenever a row came into it.
  await context.addInitScript(() => {
    const attach = Element.prototype.attachShadow;
    const live: (string | null)[] = [];
    Object.assign(window, { live });
    Element.prototype.attachShadow = function (init) {
      const root = attach.call(this, init);
      const watch = new MutationObserver((changes) => {
        const log = root.querySelector("[role=log]");
        if (log !== null && changes.some(({ target, addedNodes }) => target === log && addedNodes.length > 0)) {
          live.push(log.getAttribute("aria-live"));
        }
      });
      watch.observe(root, { childList: true, subtree: true });
      return root;
    };
  });
  const panel = await Panel.open(context, world);
  const live = () => panel.page.evaluate(() => (window as unknown as { live: string[] }).live);
  const conversation = await panel.conversation();
  await eventually(() => panel.log.getAttribute("aria-live")).toBe("polite");
  await world.desk.say(conversation, "Good morning", "Ines");
  await panel.log.getByText("Good morning").waitFor();
  expect((await live()).at(-1)).toBe("polite");
  expect(await panel.log.textContent()).toContain("Ines");

  await panel.page.reload();
  await panel.ready();
  await panel.launcher.click();
  await panel.log.getByText("Good morning").waitFor();
  expect(new Set(await live())).toEqual(new Set(["off"]));
  await eventually(() => panel.log.getAttribute("aria-live")).toBe("polite");
});

test("who wants less motion gets none", async () => {
  const panel = await Panel.open(await world.customer({ reducedMotion: "reduce" }), world);
  await panel.type("Hello");
  const moving = await panel.page.evaluate(() => {
    const running = document.querySelector("[data-usher]")?.shadowRoot?.getAnimations() ?? [];
    return running.map((animation) => animation.effect?.getTiming().duration);
  });
  expect(moving).toEqual([]);
});
