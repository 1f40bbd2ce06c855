// What lies in the browser: the conversation's id and `resume_token` at most. A token is in memory alone.

import { expect, test } from "vitest";
import { Tab } from "./support/tab.ts";
import { eventually } from "./support/wait.ts";
import { begin, someone } from "./support/world.ts";

const world = begin();

test("storage holds two members and no more, over a sign-in, a refresh and a reload", async () => {
  const [context, anna] = [await world.customer(), someone()];
  const tab = await Tab.open(context, world);
  const conversation = await tab.start();
  await expectTwoMembers(tab, conversation);
  await world.shop.login(context, anna);
  world.shop.lifetime = 3;
  await tab.signIn();
  await expectTwoMembers(tab, conversation);
  await eventually(() => tab.reasons()).toContain("token_refreshed");
  await tab.say("Hello");
  await tab.reload();
  await tab.conversation();
  await expectTwoMembers(tab, conversation);
});

test("a token is in no storage, no address, no cookie, no page and no log", async () => {
  const [context, anna] = [await world.customer(), someone()];
  const addresses: string[] = [];
  context.on("request", (request) => addresses.push(request.url()));
  context.on("page", (page) => page.on("websocket", (socket) => addresses.push(socket.url())));
  const written: string[] = [];
  context.on("console", (message) => written.push(message.text()));
  await world.shop.login(context, anna);
  world.shop.lifetime = 3;
  const tab = await Tab.open(context, world);
  await tab.start();
  await eventually(() => tab.reasons()).toContain("token_refreshed");
  await tab.reload();
  await tab.conversation();

  const places = await tab.page.evaluate(async () => {
    const databases = await indexedDB.databases();
    const caches = await window.caches?.keys();
    return {
      databases,
      caches,
      text: JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href, history.state]),
      page: document.documentElement.outerHTML,
      names: performance.getEntriesByType("resource").map(({ name }) => name),
    };
  });
  expect(places.databases).toEqual([]);
  expect(places.caches ?? []).toEqual([]);
  const heads = world.gateway.network.links.map(({ head }) => head.split("\r\n\r\n")[0]);
  const all = [JSON.stringify(places), addresses.join(), written.join(), heads.join(), world.gateway.log].join();
  expect(world.shop.tokens.length).toBeGreaterThan(2);
  for (const token of world.shop.tokens) {
    expect(all.includes(token), "a token").toBe(false);
    expect(all.includes(token.split(".")[2] ?? token), "a signature").toBe(false);
  }
  const stored = JSON.parse(Object.values(await tab.stored())[0] ?? "{}") as { resume_token: string };
  expect([addresses.join(), written.join(), heads.join(), world.gateway.log].join()).not.toContain(stored.resume_token);
});

async function expectTwoMembers(tab: Tab, conversation: string): Promise<void> {
  const stored = await tab.stored();
  expect(Object.keys(stored)).toEqual(["usher:contoso/web"]);
  const members = JSON.parse(stored["usher:contoso/web"] ?? "{}") as Record<string, unknown>;
  expect(Object.keys(members).sort()).toEqual(["conversation", "resume_token"]);
  expect(members.conversation).toBe(conversation);
}
