// What a customer sees and does: a page of the shop with the widget's two lines.

import type { BrowserContext, Download, Frame, Locator, Page } from "playwright-core";
import type { ChatEventName, ChatEvents, ChatState } from "../../../src/sdk/types.ts";
import type { UsherApi } from "../../../src/panel/api.ts";
import type { Recorded } from "./tab.ts";
import { until } from "./wait.ts";
import type { World } from "./world.ts";
import { visit } from "./world.ts";

/** What a page may say in its address: see `shop.html`. */
export type PanelOptions = Record<string, string>;

export class Panel {
  /** The page, or the frame in it that has the widget. */
  readonly frame: Page | Frame;

  constructor(frame: Page | Frame) {
    this.frame = frame;
  }

  static async open(context: BrowserContext, world: World, options: PanelOptions = {}): Promise<Panel> {
    const panel = await Panel.visit(context, world, options);
    await panel.launcher.click();
    await panel.field.waitFor();
    return panel;
  }

  /** The page with the panel still closed. */
  static async visit(context: BrowserContext, world: World, options: PanelOptions = {}): Promise<Panel> {
    const { file = "shop.html", ...values } = options;
    const panel = new Panel(await visit(context, world, file, { lang: "en", dir: "ltr", ...values }));
    await panel.ready();
    return panel;
  }

  async ready(): Promise<void> {
    await this.frame.waitForFunction(() => window.Usher !== undefined);
    await this.frame.evaluate(() => window.Usher?.ready);
  }

  get page(): Page {
    return "goto" in this.frame && "context" in this.frame ? this.frame : this.frame.page();
  }

  /** The button that opens the panel. */
  get launcher(): Locator {
    return this.frame.getByRole("button", { name: /Open chat/ });
  }

  get field(): Locator {
    return this.frame.getByRole("textbox", { name: "Write a message" });
  }

  get log(): Locator {
    return this.frame.getByRole("log");
  }

  button(name: string | RegExp): Locator {
    return this.frame.getByRole("button", { name, exact: typeof name === "string" });
  }

  /** Opens the menu, and chooses from it. */
  async choose(name: string): Promise<void> {
    await this.button("More").click();
    await this.button(name).click();
  }

  /** What is said between the head and the log. */
  bar(text: string): Locator {
    return this.frame.locator("[data-usher] .bar", { hasText: text });
  }

  /** The first that says this; what is said to screen readers besides comes later. */
  text(text: string | RegExp): Locator {
    return this.frame.getByText(text).first();
  }

  /** Says something as a customer does: types it, and presses Enter. */
  async type(text: string): Promise<void> {
    await this.field.fill(text);
    await this.field.press("Enter");
  }

  /** Says something, and waits until the panel shows it as sent. */
  async say(text: string): Promise<void> {
    await this.type(text);
    await this.message(text)
      .filter({ hasText: /Sent|Read/ })
      .waitFor();
  }

  /** A message in the log. */
  message(text: string): Locator {
    return this.log.locator(".message").filter({ has: this.frame.locator("p", { hasText: text }) });
  }

  state(): Promise<ReturnType<UsherApi["getState"]>> {
    return this.frame.evaluate(() => {
      const state = window.Usher?.getState();
      if (state === undefined) {
        throw new Error("there is no widget");
      }
      return state;
    });
  }

  /** The id of the conversation, once it is under way. */
  conversation(): Promise<string> {
    return until("a conversation", async () => {
      const state: ChatState = await this.state();
      return state.connection === "open" ? state.conversation : null;
    });
  }

  async heard<Name extends ChatEventName>(name: Name): Promise<ChatEvents[Name][]> {
    const all = await this.frame.evaluate(() => (window as unknown as Recorded).heard);
    return all.filter((heard) => heard.name === name).map((heard) => heard.detail as ChatEvents[Name]);
  }

  /** What the browser saves to disk when this is done. */
  async saved(act: () => Promise<void>): Promise<{ name: string; text: string }> {
    const [download] = await Promise.all([this.page.waitForEvent("download"), act()]);
    return { name: download.suggestedFilename(), text: await textOf(download) };
  }
}

async function textOf(download: Download): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of await download.createReadStream()) {
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}
