// Pages that were written for Dynamics 365 keep their script: only the widget's tag is new.

import { expect, test } from "vitest";
import type { BrowserContext } from "playwright-core";
import { Panel } from "./support/panel.ts";
import type { Recorded } from "./support/tab.ts";
import { eventually } from "./support/wait.ts";
import { begin, someone } from "./support/world.ts";

const world = begin();

interface LcwHeard {
  name: string;
  detail: { errorCode?: number; messageType?: string; channelData?: { tags: string[] }; reason?: string } | null;
}

/** What the page heard of the chat, and in which order. */
function heard(panel: Panel): Promise<LcwHeard[]> {
  return panel.frame.evaluate(() => structuredClone((window as unknown as Recorded).heard) as unknown as LcwHeard[]);
}

async function names(panel: Panel): Promise<string[]> {
  return (await heard(panel)).map(({ name }) => name);
}

async function chat(context: BrowserContext, options: Record<string, string> = {}): Promise<Panel> {
  const panel = await Panel.visit(context, world, { file: "dynamics365.html", ...options });
  await panel.button("Chat with us").click();
  return panel;
}

test("a page's script for Dynamics 365 starts a signed-in chat with its variables, and ends it", async () => {
  const [context, anna] = [await world.customer(), someone()];
  await world.shop.login(context, anna);
  const panel = await chat(context);
  const conversation = await panel.conversation();
  await panel.say("Hello");
  const summary = await world.desk.conversation(conversation);
  expect(summary).toMatchObject({ authenticated: true, authentication: { subject: anna } });
  expect(summary.variables).toMatchObject({
    page: { value: "/dynamics365.html", verified: false },
    items: { verified: false },
  });
  await world.desk.assign(conversation, "Ines");
  await world.desk.say(conversation, "Good morning");
  await panel.message("Good morning").waitFor();
  await eventually(() => names(panel)).toContain("onMessageSent");
  const all = await heard(panel);
  expect(all[0]?.name).toBe("ready");
  expect(all.filter(({ name }) => name === "startChat")).toHaveLength(1);
  const received = all.filter(({ name }) => name === "onMessageReceived").map(({ detail }) => detail);
  expect(received.map((detail) => detail?.messageType)).toContain("user");
  expect(received.flatMap((detail) => detail?.channelData?.tags ?? [])).toContain("agentaccepted");
  expect(JSON.stringify(all), "the documented payload has no text").not.toContain("Good morning");

  await panel.button("Close the chat").click();
  await eventually(() => names(panel)).toContain("closeChat");
  expect((await world.desk.conversation(conversation)).status).toBe("ended");
  await world.desk.expectSaid(conversation, ["customer: Hello", "agent: Good morning"]);
});

test("a reload takes the chat up, and the page hears that it was retrieved", async () => {
  const context = await world.customer();
  await world.shop.login(context, someone());
  const panel = await chat(context);
  const conversation = await panel.conversation();
  await panel.say("Hello");
  await panel.page.reload();
  await panel.ready();
  expect(await panel.conversation()).toBe(conversation);
  await eventually(() => names(panel)).toContain("chatRetrieved");
  expect(await names(panel)).not.toContain("startChat");
});

test("an agent's end is told as a thread update, after which the page closes the chat", async () => {
  const context = await world.customer();
  await world.shop.login(context, someone());
  const panel = await chat(context);
  const conversation = await panel.conversation();
  await world.desk.end(conversation);
  await eventually(() => names(panel)).toContain("closeChat");
  const all = await names(panel);
  expect(all.indexOf("threadUpdate")).toBeLessThan(all.indexOf("closeChat"));
  expect(all.filter((name) => name === "closeChat")).toHaveLength(1);
});

for (const [what, answer, code] of [
  ["fails", "fail", 2],
  ["gives no token", "empty", 3],
  ["gives what is no token", { text: "no-token" }, 4],
] as const) {
  test(`a provider that ${what} is error ${code}`, async () => {
    const context = await world.customer();
    await world.shop.login(context, someone());
    world.shop.answer = answer;
    const panel = await chat(context);
    await eventually(async () => (await heard(panel)).filter(({ name }) => name === "error").length).toBeGreaterThan(0);
    const error = (await heard(panel)).find(({ name }) => name === "error");
    expect(error?.detail).toMatchObject({ errorCode: code });
    await panel.frame.locator("#error").getByText(`${code}: `).waitFor();
  });
}

test("a provider that doesn't answer within 10 s is error 2", async () => {
  const context = await world.customer();
  await context.clock.install();
  await world.shop.login(context, someone());
  world.shop.answer = "hang";
  const panel = await chat(context);
  await eventually(() => world.shop.calls).toBe(1);
  await panel.page.clock.fastForward(10_100);
  await panel.frame.locator("#error").getByText("2: ").waitFor();
});

test("the function that the tenant's settings name is found, awaited and called without `this`", async () => {
  const [context, anna] = [await world.customer(), someone()];
  await world.shop.login(context, anna);
  const panel = await chat(context, { file: "dynamics365-named.html", tenant: "fabrikam" });
  const conversation = await panel.conversation();
  const summary = await world.desk.conversation(conversation);
  expect(summary).toMatchObject({ authenticated: true, authentication: { subject: anna } });
  expect(summary.variables).toMatchObject({ page: { value: "/checkout" }, msdyn_cartvalue: { verified: false } });
});

test("a function that the settings name and the page lacks is error 8", async () => {
  const context = await world.customer();
  await context.route("**/dynamics365-named.js*", (route) => route.fulfill({ body: "" }));
  await context.addInitScript(() => {
    const codes: unknown[] = [];
    Object.assign(window, { codes });
    window.addEventListener("lcw:error", (event) => codes.push((event as CustomEvent).detail.errorCode));
  });
  const options = { file: "dynamics365-named.html", tenant: "fabrikam" };
  const panel = await Panel.visit(context, world, options);
  await panel.launcher.click();
  await eventually(() => panel.page.evaluate(() => (window as unknown as { codes: number[] }).codes)).toContain(8);
});

test("no token is posted to anybody", async () => {
  const context = await world.customer();
  await context.addInitScript(() => {
    const posted: unknown[] = [];
    Object.assign(window, { posted });
    window.postMessage = (...what: unknown[]) => void posted.push(what);
    window.addEventListener("message", (event) => posted.push(event.data));
  });
  await world.shop.login(context, someone());
  const panel = await chat(context);
  await panel.say("Hello");
  expect(await panel.frame.evaluate(() => (window as unknown as { posted: unknown[] }).posted)).toEqual([]);
});
