// What a page's provider may be, and all that can go wrong with it.

import { expect, test } from "vitest";
import { Tab } from "./support/tab.ts";
import { mint } from "./support/tokens.ts";
import { eventually } from "./support/wait.ts";
import { begin, someone } from "./support/world.ts";

const world = begin();

async function page(options: { tenant?: string; widget?: string } = {}) {
  const context = await world.customer();
  return Tab.open(context, world, { provider: "none", ...options });
}

test("a provider may call back instead of returning", async () => {
  const [tab, anna] = [await page(), someone()];
  await tab.page.evaluate(
    (token) => {
      window.chat.setAuthTokenProvider((callback) => {
        setTimeout(() => callback(token), 20);
      });
    },
    mint(anna, 60),
  );
  await tab.start();
  expect((await tab.state()).authentication).toMatchObject({ status: "authenticated", subject: anna });
});

test("a provider may return the token itself", async () => {
  const [tab, anna] = [await page(), someone()];
  await tab.page.evaluate((token) => window.chat.setAuthTokenProvider(() => token), mint(anna, 60));
  await tab.start();
  expect(await tab.status()).toBe("authenticated");
});

test("a provider may be a function of the page that the tenant's settings name, called without `this`", async () => {
  const [tab, anna] = [await page({ tenant: "fabrikam" }), someone()];
  await tab.page.evaluate(
    (token) => {
      const auth = {
        getAuthenticationToken(this: unknown, callback: (token: string | null) => void) {
          callback(this === undefined || this === window ? token : null);
        },
      };
      Object.assign(window, { auth });
    },
    mint(anna, 60),
  );
  await tab.start();
  expect((await tab.state()).authentication).toMatchObject({ status: "authenticated", subject: anna });
});

test("a function that the settings name and the page lacks is told, and the chat goes on without it", async () => {
  const tab = await page({ tenant: "fabrikam" });
  await tab.start();
  expect(await tab.errors()).toEqual(["provider_not_found"]);
  expect(await tab.status()).toBe("anonymous");
});

for (const [what, provider] of [
  ["throws", "() => { throw new Error('no session'); }"],
  ["rejects", "() => Promise.reject(new Error('no session'))"],
  ["calls back with an error", "(callback) => callback(null, new Error('no session'))"],
] as const) {
  test(`a provider that ${what} is told as failed, and the chat begins without sign-in`, async () => {
    const tab = await page();
    await tab.page.evaluate(`window.chat.setAuthTokenProvider(${provider})`);
    const conversation = await tab.start();
    expect(new Set(await tab.errors())).toEqual(new Set(["provider_failed"]));
    expect(await tab.status()).toBe("anonymous");
    await tab.say("Hello");
    await world.desk.expectSaid(conversation, ["customer: Hello"]);
  });
}

test("a provider that fails costs a conversation under way neither its messages nor its sign-in", async () => {
  const [context, anna] = [await world.customer(), someone()];
  await world.shop.login(context, anna);
  const tab = await Tab.open(context, world);
  const conversation = await tab.start();
  world.shop.answer = "fail";
  expect(await tab.signIn()).toBe(true);
  expect(await tab.errors()).toContain("provider_failed");
  await tab.say("Still here");
  expect(await world.desk.transitions(conversation)).toEqual([]);
  await world.desk.expectSaid(conversation, ["customer: Still here"]);
});

test("a provider that never answers is given up after 10 s", async () => {
  const [context, anna] = [await world.customer(), someone()];
  await context.clock.install();
  await world.shop.login(context, anna);
  world.shop.answer = "hang";
  const tab = await Tab.open(context, world);
  const started = tab.page.evaluate(() => window.chat.start());
  await eventually(() => world.shop.calls).toBe(1);
  await tab.page.clock.fastForward(9_000);
  expect(await tab.errors()).toEqual([]);
  await tab.page.clock.fastForward(1_100);
  await eventually(() => tab.errors()).toEqual(["provider_timeout"]);
  await started;
  expect(await tab.status()).toBe("anonymous");
});

for (const nothing of ["null", "''", "undefined", "Promise.resolve(null)"]) {
  test(`a provider that gives ${nothing} means that nobody is signed in`, async () => {
    const tab = await page();
    await tab.page.evaluate(`window.chat.setAuthTokenProvider((callback) => {
      const nothing = ${nothing};
      return nothing === undefined ? callback(nothing) : nothing;
    })`);
    const conversation = await tab.start();
    expect(await tab.status()).toBe("anonymous");
    expect(await tab.signIn()).toBe(false);
    expect(await tab.errors()).toContain("provider_empty");
    await tab.say("Hello");
    await world.desk.expectSaid(conversation, ["customer: Hello"]);
  });
}

test("a token that nobody can read is refused with its reason, and a good one is taken afterwards", async () => {
  const [context, anna] = [await world.customer(), someone()];
  await world.shop.login(context, anna);
  world.shop.answer = { text: "<!doctype html><title>Please sign in</title>" };
  const tab = await Tab.open(context, world);
  const refused = await tab.refusedStart();
  expect(["malformed", "started"]).toContain(refused);
  expect(await tab.errors()).toContain("malformed");
  const [told] = await tab.heard("error");
  expect(told?.action, "an error says what to do").not.toBe("");

  world.shop.answer = "mint";
  await tab.start();
  expect(refused === "started" ? await tab.signIn() : true).toBe(true);
  expect(await tab.status()).toBe("authenticated");
});

test("a wrong subject's token takes nobody into another's chat, and says nothing there", async () => {
  const [context, anna, ben] = [await world.customer(), someone("anna"), someone("ben")];
  await world.shop.login(context, anna);
  const tab = await Tab.open(context, world);
  const conversation = await tab.start();
  await tab.say("I am Anna");
  world.shop.answer = { as: ben };
  await tab.signIn();
  await eventually(() => tab.errors()).toContain("subject_mismatch");
  expect(await tab.shown()).toEqual([]);
  await tab.type("I am Ben");
  expect(await tab.conversation()).not.toBe(conversation);
  await eventually(() => tab.deliveries()).toEqual(["I am Ben sent"]);
  expect((await world.desk.conversation(conversation)).authentication).toMatchObject({ subject: anna });
  await world.desk.expectSaid(conversation, ["customer: I am Anna"]);
  await world.desk.expectSaid((await world.desk.of(ben))[0]?.id ?? "", ["customer: I am Ben"]);
});

test("where the widget takes customers with an invalid token as anonymous, they get in and are told", async () => {
  const tab = await page({ widget: "lenient" });
  await tab.page.evaluate((token) => window.chat.setAuthTokenProvider(() => token), mint("anna", -60));
  const conversation = await tab.start();
  expect(await tab.status()).toBe("anonymous");
  expect(await tab.errors()).not.toEqual([]);
  await tab.say("Hello");
  await world.desk.expectSaid(conversation, ["customer: Hello"]);
});

test("a provider that is taken away is called no more", async () => {
  const [context, anna] = [await world.customer(), someone()];
  await world.shop.login(context, anna);
  const tab = await Tab.open(context, world);
  await tab.page.evaluate(() => window.chat.setAuthTokenProvider(null));
  expect(await tab.page.evaluate(() => window.chat.getAuthTokenProvider())).toBeNull();
  await tab.start();
  expect(await tab.status()).toBe("anonymous");
  expect(world.shop.calls).toBe(0);
});
