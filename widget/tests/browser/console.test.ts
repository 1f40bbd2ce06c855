// The agent's console at `/console`, used as an agent uses it, with customers in chats beside it.

import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import axe from "axe-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { BrowserContextOptions, Locator, Page } from "playwright-core";
import { API_KEY } from "./support/gateway.ts";
import { Network } from "./support/network.ts";
import { Tab } from "./support/tab.ts";
import { eventually } from "./support/wait.ts";
import { begin, someone } from "./support/world.ts";

const FOLDER = fileURLToPath(new URL("../../../target/widget-screenshots/", import.meta.url));
const SECRET = API_KEY.split(".")[1] ?? "";
const PHONE = { viewport: { width: 390, height: 844 } };

const world = begin();
/** Between the console and the consumer listener, to be cut. */
let network: Network;

beforeAll(async () => {
  network = await Network.begin();
});
beforeEach(() => {
  network.leadTo(Number(new URL(world.gateway.consumer).port));
  network.restore();
});
afterAll(() => network.end());

class Console {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  /** The console before anybody has signed in. */
  static async open(options: BrowserContextOptions = {}): Promise<Console> {
    // Before there is a key the console asks whether it needs one.
    const context = await world.customer(options);
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${network.port}/console`);
    return new Console(page);
  }

  static async signedIn(options: BrowserContextOptions = {}): Promise<Console> {
    const agent = await Console.open(options);
    await agent.signIn();
    return agent;
  }

  async signIn(key = API_KEY): Promise<void> {
    await this.page.getByLabel("API key").fill(key);
    await this.page.getByRole("button", { name: "Sign in" }).click();
    await this.live();
  }

  async live(): Promise<void> {
    await this.page.getByText("Live", { exact: true }).waitFor();
  }

  entry(id: string): Locator {
    return this.page.locator(`[data-id="${id}"] button`);
  }

  async choose(id: string): Promise<void> {
    await this.entry(id).click();
    await eventually(() => this.fact("conversation")).toBe(id);
  }

  async fact(id: string): Promise<string> {
    return (await this.page.locator(`#${id}`).textContent()) ?? "";
  }

  /** What stands in the log, in order. */
  async log(): Promise<string[]> {
    return this.page.locator("#past .words, #past .note, #waiting .words").allTextContents();
  }

  async words(): Promise<string[]> {
    return this.page.locator("#past .words").allTextContents();
  }

  async say(text: string): Promise<void> {
    await this.page.getByLabel("Answer").fill(text);
    await this.page.getByLabel("Answer").press("Enter");
  }

  button(name: string): Locator {
    return this.page.getByRole("button", { name, exact: true });
  }

  /** A part that is folded away. */
  async unfold(summary: string): Promise<void> {
    await this.page.getByText(summary, { exact: true }).click();
  }

  stored(): Promise<string> {
    return this.page.evaluate(() => {
      const all = (storage: Storage) => Array.from(storage, (_, at) => storage.getItem(storage.key(at) ?? ""));
      return JSON.stringify([all(sessionStorage), all(localStorage), document.cookie]);
    });
  }
}

/** A customer who is in a chat. */
async function chatting(customer: string | null = null): Promise<{ tab: Tab; id: string }> {
  const context = await world.customer();
  if (customer !== null) {
    await world.shop.login(context, customer);
  }
  const tab = await Tab.open(context, world, { provider: customer === null ? "none" : "shop" });
  return { tab, id: await tab.start() };
}

test("the key is exchanged for a token, and the token alone is kept, in this tab, until sign-out", async () => {
  const agent = await Console.open();
  const { page } = agent;
  const sent: string[] = [];
  page.on("request", (request) => sent.push(`${request.url()} ${request.headers().authorization ?? ""}`));
  await page.getByLabel("API key").fill(`desk.${SECRET}x`);
  await agent.button("Sign in").click();
  await page.getByText("invalid_client").waitFor();
  await agent.signIn();
  expect(
    sent.filter((one) => one.includes(SECRET)),
    "only in the body of one request",
  ).toEqual([]);
  expect(await page.getByLabel("API key").inputValue()).toBe("");

  const stored = await agent.stored();
  expect(stored).toContain("usher_at_");
  expect(stored).not.toContain(SECRET);
  await page.reload();
  await agent.live();
  const other = await page.context().newPage();
  await other.goto(page.url());
  await other.getByLabel("API key").waitFor();

  await agent.button("Sign out").click();
  await page.getByLabel("API key").waitFor();
  expect(await agent.stored()).toBe(JSON.stringify([[], [], ""]));
  await page.reload();
  await page.getByLabel("API key").waitFor();
});

test("a conversation comes live, is answered, and says who is signed in and what is verified", async () => {
  const [agent, anna] = [await Console.signedIn(), someone()];
  world.shop.context = { cart_value: { value: 12.5, isDisplayable: true } };
  const { tab, id } = await chatting(anna);
  await agent.entry(id).waitFor();
  await tab.say("Hello <img src=x onerror=alert(1)> & good day");
  await agent.entry(id).getByText("1 new").waitFor();
  await eventually(() => agent.page.title()).toMatch(/^\(\d+\)/);

  await agent.choose(id);
  await eventually(() => agent.words()).toEqual(["Hello <img src=x onerror=alert(1)> & good day"]);
  expect(await agent.page.locator("#log img").count()).toBe(0);
  expect(await agent.fact("authenticated")).toBe("Yes");
  expect(await agent.fact("subject")).toBe(anna);
  expect(await agent.fact("until")).toMatch(/, 15 min left$/);
  const variables = await agent.page.locator("#variables").textContent();
  expect(variables).toMatch(/cart_value.*12\.5.*verified: Yes.*signed token/);
  await agent.entry(id).getByText("1 new").waitFor({ state: "hidden" });
  await eventually(async () => (await tab.heard("read")).length).toBeGreaterThan(0);

  await tab.page.evaluate(() => window.chat.typing());
  await agent.page.getByText("The customer is typing").waitFor();
  await agent.page.getByLabel("as", { exact: true }).fill("Ines");
  await agent.page.getByLabel("Answer").pressSequentially("Good");
  await eventually(async () => (await tab.heard("typing")).length).toBeGreaterThan(0);
  await agent.say("Good morning");
  await eventually(() => tab.shown()).toContain("agent: Good morning");
  await eventually(() => agent.page.locator("#waiting .words").count()).toBe(0);
  expect((await agent.words()).at(-1)).toBe("Good morning");
  await tab.page.evaluate(() => {
    const last = window.chat.messages().at(-1);
    window.chat.read(last?.sequence ?? 0);
  });
  await agent.page.locator("#past .ours").getByText("read", { exact: true }).waitFor();
});

test("what an agent does reaches the customer: ask to sign in, assign, connect anew, revoke, end", async () => {
  const [agent, anna] = [await Console.signedIn(), someone()];
  const { tab, id } = await chatting();
  await agent.choose(id);
  expect(await agent.fact("authenticated")).toBe("No");
  await agent.page.getByLabel("Ask to sign in").fill("To look at your orders");
  await agent.button("Ask").click();
  await eventually(() => tab.heard("authentication-requested")).toMatchObject([{ message: "To look at your orders" }]);

  await world.shop.login(tab.page.context(), anna);
  await tab.provide();
  expect(await tab.signIn()).toBe(true);
  await eventually(() => agent.fact("subject")).toBe(anna);
  await agent.page.locator("#assign").getByLabel("Queue").fill("parcels");
  await agent.page.locator("#assign").getByLabel("Agent").fill("ines");
  await agent.button("Assign").click();
  await eventually(() => tab.heard("assigned")).toMatchObject([{ queue: "parcels", agent: "ines" }]);
  await eventually(() => agent.fact("of-agent")).toBe("ines");

  const opened = world.gateway.network.links.length;
  await agent.button("Have the page connect anew").click();
  await eventually(() => world.gateway.network.links.length).toBeGreaterThan(opened);
  await eventually(async () => (await tab.state()).connection).toBe("open");

  await agent.unfold("Revoke the sign-in …");
  await agent.button("In this conversation").click();
  await eventually(() => tab.reasons()).toContain("revoked");
  await eventually(() => agent.fact("authenticated")).toBe("No");
  await agent.unfold("End the conversation …");
  await agent.page.getByLabel("Reason").fill("solved");
  await agent.button("End it").click();
  await eventually(() => tab.heard("ended")).toMatchObject([{ by: "agent", reason: "solved" }]);
  await eventually(() => agent.page.getByLabel("Answer").isDisabled()).toBe(true);

  await agent.unfold("Revocations in force");
  await agent.page.getByRole("button", { name: new RegExp(`^Lift: .*${id.slice(-8)}`) }).click();
  await eventually(() => agent.page.getByRole("button", { name: new RegExp(id.slice(-8)) }).count()).toBe(0);
});

test("the list is filtered and read page by page", async () => {
  const agent = await Console.signedIn();
  const anna = someone();
  const signedIn = await chatting(anna);
  const { tab, id } = await chatting();
  await agent.entry(id).waitFor();
  await agent.page.locator("#filter-authenticated").selectOption("true");
  await agent.entry(id).waitFor({ state: "detached" });
  await agent.entry(signedIn.id).waitFor();
  await agent.unfold("More filters");
  await agent.page.getByLabel("Subject").fill(someone("nobody"));
  await agent.page.getByText("No open conversations match the filters.").waitFor();
  await agent.page.getByLabel("Subject").fill(anna);
  await agent.entry(signedIn.id).waitFor();
  // Whoever matches no longer leaves the list.
  await world.desk.revoke(signedIn.id);
  await agent.entry(signedIn.id).waitFor({ state: "detached" });

  await agent.page.getByLabel("Subject").fill("");
  await agent.page.locator("#filter-authenticated").selectOption("");
  await agent.entry(id).waitFor();
  await tab.page.evaluate(async (gateway) => {
    const url = `${gateway.replace("http", "ws")}/chat/contoso/web`;
    for (let count = 0; count < 51; count += 1) {
      await new Promise((resolve) => {
        const socket = new WebSocket(url, "usher.v1");
        socket.onopen = () => socket.send(JSON.stringify({ type: "start" }));
        socket.onmessage = resolve;
      });
    }
  }, world.gateway.url);
  await agent.page.reload();
  await agent.live();
  await eventually(() => agent.page.locator("#conversations li").count()).toBe(50);
  expect(await agent.entry(id).count()).toBe(0);
  await agent.button("Show more").click();
  await agent.entry(id).waitFor();
});

test("an answer whose fate isn't known is sent again under its id and stored once", async () => {
  const agent = await Console.signedIn();
  const { tab, id } = await chatting();
  await agent.choose(id);
  let lost = 0;
  await agent.page.route("**/messages", async (route) => {
    if (lost > 0) {
      return route.continue();
    }
    lost += 1;
    await route.fetch();
    return route.abort("connectionreset");
  });
  await agent.say("Once");
  await eventually(() => tab.shown()).toEqual(["agent: Once"]);
  await eventually(() => agent.page.locator("#waiting .words").count()).toBe(0);
  await world.desk.expectSaid(id, ["agent: Once"]);
  expect(lost).toBe(1);

  // One that is refused for good says why and what to do, and is taken back.
  await agent.say("x".repeat(6001));
  await agent.page.locator("#waiting").getByText("invalid_request, correlation_id").waitFor();
  await agent.button("Take it back").click();
  expect(await agent.page.getByLabel("Answer").inputValue()).toHaveLength(6001);
});

test("a stream that breaks goes on from its place, and one whose place is gone begins anew", async () => {
  const agent = await Console.signedIn();
  const { tab, id } = await chatting();
  await agent.choose(id);
  await tab.say("before");
  await eventually(() => agent.words()).toEqual(["before"]);
  network.cut();
  await agent.page.getByText("Not live, trying again").waitFor();
  await tab.say("meanwhile");
  // Only the stream tells of this one: the list isn't read anew.
  const unheardOf = await chatting();
  network.restore();
  await agent.live();
  await eventually(() => agent.words()).toEqual(["before", "meanwhile"]);
  await agent.entry(unheardOf.id).waitFor();

  let gone = 0;
  await agent.page.route("**/v1/events?*", (route) => {
    if (gone > 0) {
      return route.continue();
    }
    gone += 1;
    const problem = { code: "position_gone", detail: "The position is gone.", temporary: false };
    return route.fulfill({ status: 410, contentType: "application/problem+json", body: JSON.stringify(problem) });
  });
  network.breakAll();
  await tab.say("unheard");
  await eventually(() => agent.words()).toEqual(["before", "meanwhile", "unheard"]);
  expect(gone).toBe(1);
  const again = await chatting();
  await agent.entry(again.id).waitFor();
});

test("a key that may only read is told so, and can't answer", async () => {
  const agent = await Console.open();
  await agent.page.route("**/oauth/token", (route) => {
    const form = `${route.request().postData()}&scope=conversations:read+events:read`;
    return route.continue({ postData: form });
  });
  await agent.signIn();
  const { id } = await chatting();
  await agent.choose(id);
  await agent.page.getByText("This key lacks conversations:write: it can't answer.").waitFor();
  expect(await agent.page.getByLabel("Answer").isDisabled()).toBe(true);
  expect(await agent.button("Assign").isDisabled()).toBe(true);
  expect(await agent.page.getByText("Revocations in force").isVisible()).toBe(false);
});

test("a token that ends shows the sign-in and nothing of anybody, and what was being written stays", async () => {
  const agent = await Console.signedIn();
  const { tab, id } = await chatting();
  await tab.say("Something private");
  await agent.choose(id);
  await eventually(() => agent.words()).toEqual(["Something private"]);
  await agent.page.getByLabel("Answer").fill("Half an ans");
  await agent.page.route("**/v1/**", (route) => {
    const problem = { code: "unauthorized", detail: "The token's time is up." };
    return route.fulfill({ status: 401, contentType: "application/problem+json", body: JSON.stringify(problem) });
  });
  network.breakAll();
  await agent.page.getByText("The token's time is up.").waitFor();
  expect(await agent.page.locator("body").textContent()).not.toContain("Something private");
  expect(await agent.stored()).not.toContain("usher_at_");
  await agent.page.unroute("**/v1/**");
  await agent.signIn();
  await eventually(() => agent.words()).toEqual(["Something private"]);
  expect(await agent.page.getByLabel("Answer").inputValue()).toBe("Half an ans");
});

test("a conversation that isn't there, and one that is back before anybody told it was gone", async () => {
  const agent = await Console.signedIn();
  await agent.page.goto(`${agent.page.url()}#01a20390-7b3d-7991-a3d0-4b32406110be`);
  await agent.page.getByText(/unknown_conversation, correlation_id/).waitFor();
  await agent.button("Close this note").click();
  const { tab, id } = await chatting();
  await tab.say("Here");
  await agent.choose(id);
  await eventually(() => agent.fact("connected")).toBe("Yes");
  await tab.page.evaluate(() => window.chat.disconnect());
  await eventually(async () => (await world.desk.conversation(id)).connected).toBe(false);
  await agent.page.reload();
  await eventually(() => agent.fact("connected")).toBe("No");
  await tab.start();
  await tab.say("Here again");
  await eventually(() => agent.fact("connected")).toBe("Yes");
});

test("everything is reached and done with the keyboard", async () => {
  const agent = await Console.open();
  await agent.page.getByLabel("API key").focus();
  await agent.page.keyboard.type(API_KEY);
  await agent.page.keyboard.press("Enter");
  await agent.live();
  const [older, newer] = [await chatting(), await chatting()];
  await agent.entry(older.id).waitFor();
  await agent.entry(newer.id).focus();
  await agent.page.keyboard.press("ArrowDown");
  await agent.page.keyboard.press("Enter");
  await eventually(() => agent.fact("conversation")).toBe(older.id);
  const focused = () => agent.page.evaluate(() => document.activeElement?.id);
  await eventually(focused).toBe("title");
  const passed: (string | undefined)[] = [];
  while (passed.at(-1) !== "text" && passed.length < 10) {
    await agent.page.keyboard.press("Tab");
    passed.push(await focused());
  }
  expect(passed).toContain("log");
  await agent.page.keyboard.type("By hand");
  await agent.page.keyboard.press("Shift+Enter");
  await agent.page.keyboard.type("in two lines");
  await agent.page.keyboard.press("Enter");
  await eventually(() => older.tab.shown()).toEqual(["agent: By hand\nin two lines"]);
});

/** What axe-core finds: the rule and where. */
async function faults(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: typeof import("axe-core") };
    const found = await axe.run(document, { resultTypes: ["violations"] });
    return found.violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 120)}`));
  });
}

const SCENES: [string, BrowserContextOptions][] = [
  ["light", { colorScheme: "light", viewport: { width: 1360, height: 860 } }],
  ["dark", { colorScheme: "dark", viewport: { width: 1360, height: 860 } }],
  ["phone", { ...PHONE, colorScheme: "light" }],
];

for (const [name, options] of SCENES) {
  test(`axe-core finds nothing and nothing is cut off: the console, ${name}`, async () => {
    mkdirSync(FOLDER, { recursive: true });
    const agent = await Console.open(options);
    const picture = async (scene: string) => {
      expect(await faults(agent.page), scene).toEqual([]);
      const isTooWide = () => document.documentElement.scrollWidth > document.documentElement.clientWidth;
      expect(await agent.page.evaluate(isTooWide), `${scene} is wider than the window`).toBe(false);
      await agent.page.screenshot({ path: `${FOLDER}console-${name}-${scene}.png` });
    };
    await picture("sign-in");
    await agent.signIn();
    const { tab, id } = await chatting(someone());
    await tab.say("Where is my parcel? I have been waiting for three days.");
    await agent.entry(id).getByText("1 new").waitFor();
    await picture("list");
    await agent.choose(id);
    await agent.say("Good morning! It is on its way.");
    await eventually(() => agent.page.locator("#past .ours").count()).toBe(1);
    await picture("conversation");
    if (await agent.button("Details").isVisible()) {
      await agent.button("Details").click();
    }
    await agent.unfold("End the conversation …");
    await agent.unfold("Revoke the sign-in …");
    await picture("details");
  });
}
