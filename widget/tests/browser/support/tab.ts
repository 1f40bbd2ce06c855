// A tab in which the SDK alone is at work, without the panel: `headless.html`.

import type { BrowserContext, Page } from "playwright-core";
import type { Chat, ChatEventName, ChatEvents, ChatState } from "../../../src/sdk/types.ts";
import { eventually, until } from "./wait.ts";
import type { World } from "./world.ts";
import { visit } from "./world.ts";

/** Something that the page heard. */
export type Heard = { [Name in ChatEventName]: { name: Name; detail: ChatEvents[Name] } }[ChatEventName];

/** A page that keeps what it heard. */
export interface Recorded {
  heard: Heard[];
}

declare global {
  interface Window {
    chat: Chat;
    /** The page's own way to a token: `/token` of the shop. */
    shopToken(): Promise<string>;
  }
}

export interface TabOptions {
  tenant?: string;
  widget?: string;
  /** Where the page gets tokens: from the shop as soon as it loads, or nowhere yet. */
  provider?: "shop" | "none";
}

export class Tab {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  static async open(context: BrowserContext, world: World, options: TabOptions = {}): Promise<Tab> {
    const tab = new Tab(await visit(context, world, "headless.html", { provider: "shop", ...options }));
    await tab.ready();
    return tab;
  }

  /** The SDK is there. */
  async ready(): Promise<void> {
    await this.page.waitForFunction(() => window.chat !== undefined);
  }

  /** Begins a conversation, or takes up this browser's; its id. */
  async start(): Promise<string> {
    await this.page.evaluate(() => window.chat.start());
    return this.conversation();
  }

  /** The code of the error with which a start is refused. */
  refusedStart(): Promise<string> {
    return this.page.evaluate(() =>
      window.chat.start().then(
        () => "started",
        (error: { code: string }) => error.code,
      ),
    );
  }

  /** The id of the conversation, once it is under way. */
  conversation(): Promise<string> {
    return until("a conversation", async () => {
      const state = await this.state();
      return state.connection === "open" ? state.conversation : null;
    });
  }

  state(): Promise<ChatState> {
    return this.page.evaluate(() => window.chat.getState());
  }

  async status(): Promise<string | undefined> {
    return (await this.state()).authentication?.status;
  }

  /** What is shown, in order: `customer: Hello`. */
  shown(): Promise<string[]> {
    return this.page.evaluate(() => window.chat.messages().map((message) => `${message.from}: ${message.text}`));
  }

  /** Where the customer's messages stand: `Hello sent`. */
  deliveries(): Promise<string[]> {
    return this.page.evaluate(() => {
      const own = window.chat.messages().filter((message) => message.from === "customer");
      return own.map((message) => `${message.text} ${message.delivery}`);
    });
  }

  /** Says something. */
  async type(text: string): Promise<void> {
    await this.page.evaluate((text) => void window.chat.send(text), text);
  }

  /** Says something, and waits until it is stored. */
  async say(text: string): Promise<void> {
    await this.type(text);
    await eventually(() => this.deliveries()).toContain(`${text} sent`);
  }

  signIn(): Promise<boolean> {
    return this.page.evaluate(() => window.chat.signIn());
  }

  /** The shop's page tells the SDK where tokens come from. */
  async provide(): Promise<void> {
    await this.page.evaluate(() => window.chat.setAuthTokenProvider(() => window.shopToken()));
  }

  /** Everything of this name that was heard since the page was loaded. */
  async heard<Name extends ChatEventName>(name: Name): Promise<ChatEvents[Name][]> {
    const all = await this.page.evaluate(() => (window as unknown as Recorded).heard);
    return all.filter((heard) => heard.name === name).map((heard) => heard.detail as ChatEvents[Name]);
  }

  /** Why the authentication changed, each time since this page was there. */
  async reasons(): Promise<string[]> {
    return (await this.heard("authentication")).filter(({ past }) => !past).map(({ reason }) => reason);
  }

  async errors(): Promise<string[]> {
    return (await this.heard("error")).map(({ code }) => code);
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await this.ready();
  }

  /** Everything in the storages of the page's origin, as text. */
  stored(): Promise<Record<string, string>> {
    return this.page.evaluate(() => ({ ...localStorage, ...sessionStorage }));
  }
}
