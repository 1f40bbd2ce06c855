// How the panel can stand. Each is played in the page.

import type { Page } from "playwright-core";

const opened = async (page: Page): Promise<void> => {
  await page.evaluate(() => window.Usher?.open());
  await page.evaluate(() => new Promise((next) => setTimeout(next, 20)));
};

export const scenes: Record<string, (page: Page) => Promise<void>> = {
  launcher: async () => undefined,
  unread: (page) =>
    page.evaluate(() => {
      window.played.begin();
      for (let n = 0; n < 3; n++) window.played.say({ text: "Are you there?", name: "Anna" });
    }),
  empty: opened,
  talk: async (page) => {
    await opened(page);
    await page.evaluate(() => {
      const chat = window.played;
      const at = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();
      const mine = { from: "customer" as const, delivery: "sent" as const };
      const name = "Anna Lindqvist";
      const next = (): number => ++chat.state.sequence + 1;
      chat.say({ ...mine, text: "My lamp doesn’t work.", id: "a", authenticated: false, at: at(1500) }, true);
      chat.emit("assigned", { sequence: next(), queue: "service", agent: name, past: true }, { agent: name });
      chat.say({ text: "Hello! Sorry to hear that. Which one is it?", name, at: at(9) });
      chat.say({ text: "The number is on the bottom, like LX-2040.", name, at: at(8) });
      chat.say({ ...mine, text: "LX-2040, bought in May 🙂", id: "b", authenticated: false, at: at(7) });
      const message = "So that I can see your order.";
      chat.emit("authentication-requested", { sequence: next(), message, past: false });
      chat.authenticate();
      chat.say({ ...mine, text: "Signed in now.", id: "c", authenticated: true, at: at(2) });
      const up_to = chat.state.sequence + 1;
      chat.emit("read", { sequence: next(), by: "agent", up_to, past: false });
      const long = "https://example.com/returns/averyveryveryverylongaddressthatneverends/andsoon";
      chat.say({ text: `Thank you. A new one is on its way; how to return the old one: ${long}`, name, at: at(1) });
      chat.emit("typing", { from: "agent" });
    });
  },
  asked: async (page) => {
    await opened(page);
    await page.evaluate(() => {
      const chat = window.played;
      const agent = "Anna";
      chat.emit("assigned", { sequence: 2, queue: "service", agent, past: false }, { agent, sequence: 2 });
      chat.say({ text: "One moment, please.", name: "Anna" });
      const sequence = ++chat.state.sequence + 1;
      const message = "So that I can see your order.";
      chat.emit("authentication-requested", { sequence, message, past: false });
    });
  },
  downgraded: async (page) => {
    await opened(page);
    await page.evaluate(() => {
      const chat = window.played;
      chat.authenticate();
      chat.accept(chat.send("Here is my order’s number: 4711-0815."), true);
      chat.downgrade();
    });
  },
  offline: async (page) => {
    await opened(page);
    await page.evaluate(() => {
      const chat = window.played;
      chat.accept(chat.send("This one went out."));
      chat.emit("connection", { state: "waiting" }, { connection: "waiting" });
      chat.send("This one waits.");
      chat.emit("message", { ...chat.send("This one is too much."), delivery: "failed", past: false });
      chat.emit("error", { code: "rate_limited", message: "", action: "", temporary: true });
    });
  },
  gate: async (page) => {
    await page.evaluate(() => {
      const refusal = { code: "authentication_required", message: "", action: "", temporary: false };
      window.played.kept = true;
      window.played.refusal = { ...refusal, in_reply_to: "resume" };
    });
    await opened(page);
  },
  ended: async (page) => {
    await opened(page);
    await page.evaluate(() => {
      window.played.accept(window.played.send("That was all, thank you."));
      window.played.end();
    });
  },
  ending: async (page) => {
    await opened(page);
    await page.locator("[aria-controls=menu]").click();
    await page.getByText("End chat").click();
  },
  menu: async (page) => {
    await scenes.downgraded?.(page);
    await page.evaluate(() => window.played.authenticate());
    await page.locator("[aria-controls=menu]").click();
  },
  signedOut: async (page) => {
    await opened(page);
    await page.evaluate(() => window.played.signOut());
  },
};
