// What the panel does in a page, for those who see it, hear it, or use the keyboard alone.

import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import type { Page } from "playwright-core";
import type { Visit } from "./page.ts";
import { scenes } from "./scenes.ts";
import { asked, dialog, drawn, field, focused, launcher, opened, play as playIn, until } from "./stage.ts";

const stage = opened();
const play = (scene: keyof typeof scenes, visit: Visit = {}): Promise<Page> => playIn(stage.shop, scene, visit);

describe("opening and minimizing", () => {
  test("the button opens the panel, begins the chat and takes the focus to the field", async () => {
    const page = await stage.shop.visit();
    await launcher(page).click();
    await dialog(page).waitFor();
    expect(await focused(page)).toBe("textarea");
    expect(await launcher(page).isVisible()).toBe(false);
    await until(async () => (await asked(page)).includes("start"));
  });

  test("Escape minimizes it and gives the focus back to the button; the connection stays", async () => {
    const page = await stage.shop.visit();
    await launcher(page).press("Enter");
    await field(page).press("Escape");
    expect(await dialog(page).isVisible()).toBe(false);
    expect(await focused(page)).toBe("launcher");
    expect(await asked(page)).not.toContain("disconnect");
  });

  test("the focus goes back to the page's own button that opened it", async () => {
    const page = await stage.shop.visit();
    await page.evaluate(() => {
      document.querySelector("main button")?.addEventListener("click", () => window.Usher?.open());
    });
    await page.getByText("Into the cart").click();
    expect(await focused(page)).toBe("textarea");
    await page.keyboard.press("Escape");
    expect(await focused(page)).toBe("button");
  });

  test("closing hides all of it and disconnects, and opening comes back", async () => {
    const page = await play("talk");
    await page.evaluate(() => window.Usher?.close());
    expect(await dialog(page).or(launcher(page)).isVisible()).toBe(false);
    expect(await asked(page)).toContain("disconnect");
    await page.evaluate(() => window.Usher?.open());
    expect(await dialog(page).isVisible()).toBe(true);
    await until(async () => (await asked(page)).filter((each) => each === "start").length === 2);
  });

  test("what was written stays over minimizing", async () => {
    const page = await play("empty");
    await field(page).fill("half a sen");
    await field(page).press("Escape");
    await launcher(page).click();
    expect(await field(page).inputValue()).toBe("half a sen");
  });

  test("a page that opens it at its load loses no focus", async () => {
    const page = await stage.shop.visit({ script: "defer data-open" });
    await dialog(page).waitFor();
    await drawn(page);
    expect(await focused(page)).toBe("body");
  });

  test("the page doesn't move by a pixel", async () => {
    const page = await stage.shop.visit();
    const shift = () => {
      return page.evaluate(
        () =>
          new Promise<number>((done) => {
            let sum = 0;
            const observer = new PerformanceObserver((list) => {
              for (const entry of list.getEntries()) sum += (entry as PerformanceEntry & { value: number }).value;
            });
            observer.observe({ type: "layout-shift", buffered: true });
            requestAnimationFrame(() => setTimeout(() => done(sum), 50));
          }),
      );
    };
    const box = () => page.locator("main").boundingBox();
    const before = await box();
    await scenes.talk?.(page);
    await drawn(page);
    expect([await box(), await shift()]).toEqual([before, 0]);
    const height = await page.evaluate(() => document.documentElement.scrollHeight);
    expect(height).toBe(720);
  });
});

describe("what is unread", () => {
  test("is counted on the button, told to the page, and gone once it is seen", async () => {
    const page = await stage.shop.visit();
    await page.evaluate(() => {
      const heard: unknown[] = [];
      Object.assign(window, { heard });
      window.addEventListener("usher:panel", (event) => heard.push((event as CustomEvent).detail));
    });
    await scenes.unread?.(page);
    await drawn(page);
    expect(await launcher(page).getAttribute("aria-label")).toBe("Open chat, 3 new messages");
    expect(await page.locator(".badge").textContent()).toBe("3");
    expect(await page.evaluate(() => window.Usher?.getState().unread)).toBe(3);
    await launcher(page).click();
    await until(async () => (await asked(page)).includes("read 4"));
    expect(await page.evaluate(() => Reflect.get(window, "heard"))).toEqual([
      { state: "minimized", unread: 3 },
      { state: "open", unread: 0 },
    ]);
  });

  test("nothing is read while the customer reads further up, and a button leads to what is new", async () => {
    const page = await play("empty");
    await page.evaluate(() => {
      for (let n = 0; n < 40; n++) window.played.say({ text: `Line ${n}`, name: "Anna" });
    });
    await until(async () => (await asked(page)).includes("read 41"));
    await page.locator(".scroller").evaluate((pane) => (pane.scrollTop = 0));
    await drawn(page);
    await page.evaluate(() => window.played.say({ text: "And this", name: "Anna" }));
    await drawn(page);
    expect(await page.locator(".scroller").evaluate((pane) => pane.scrollTop)).toBe(0);
    expect(await asked(page)).not.toContain("read 42");
    await page.getByText("1 new message").click();
    await until(async () => (await asked(page)).includes("read 42"));
  });
});

describe("writing", () => {
  test("Enter sends, Shift and Enter begin a line, and white space isn't a message", async () => {
    const page = await play("empty");
    await field(page).press("Enter");
    await field(page).pressSequentially("  ");
    await field(page).press("Enter");
    await field(page).fill("");
    await field(page).pressSequentially("one");
    await field(page).press("Shift+Enter");
    await field(page).pressSequentially("two");
    await field(page).press("Enter");
    expect((await asked(page)).filter((each) => each.startsWith("send"))).toEqual(["send one\ntwo"]);
    expect([await field(page).inputValue(), await focused(page)]).toEqual(["", "textarea"]);
  });

  test("an input method keeps its Enter", async () => {
    const page = await play("empty");
    const debug = await page.context().newCDPSession(page);
    await field(page).focus();
    await debug.send("Input.imeSetComposition", { text: "にほん", selectionStart: 3, selectionEnd: 3 });
    const key = { key: "Enter", code: "Enter", windowsVirtualKeyCode: 229, nativeVirtualKeyCode: 229 };
    await debug.send("Input.dispatchKeyEvent", { type: "rawKeyDown", ...key });
    await debug.send("Input.insertText", { text: "日本" });
    expect([await field(page).inputValue(), (await asked(page)).filter((each) => each.startsWith("send"))]).toEqual([
      "日本",
      [],
    ]);
    await field(page).press("Enter");
    expect(await asked(page)).toContain("send 日本");
  });

  test("the limit counts characters as the gateway does: the last one goes, one more is told and kept", async () => {
    const page = await play("empty");
    await field(page).fill("🙂".repeat(200));
    await field(page).press("Enter");
    await field(page).fill("🙂".repeat(201));
    expect(await page.locator("#count").textContent()).toBe("201 / 200");
    await field(page).press("Enter");
    await page.getByText("This message is too long.").waitFor();
    expect((await asked(page)).filter((each) => each.startsWith("send")).length).toBe(1);
    expect(await field(page).getAttribute("aria-invalid")).toBe("true");
  });

  test("the page's shortcuts don't hear what is written", async () => {
    const page = await play("empty");
    await page.evaluate(() => document.addEventListener("keydown", () => document.body.replaceChildren()));
    await field(page).pressSequentially("n");
    expect(await dialog(page).isVisible()).toBe(true);
  });

  test("the browser asks before it leaves while something waits, and only then", async () => {
    const page = await play("empty");
    const wouldAsk = () => {
      return page.evaluate(() => {
        const event = new Event("beforeunload", { cancelable: true });
        window.dispatchEvent(event);
        return event.defaultPrevented;
      });
    };
    expect(await wouldAsk()).toBe(false);
    await field(page).fill("Wait for me");
    await field(page).press("Enter");
    await drawn(page);
    expect(await wouldAsk()).toBe(true);
    await page.evaluate(() =>
      window.played.accept({ id: "x", at: "", from: "customer", text: "", delivery: "waiting" }),
    );
    await drawn(page);
    expect(await wouldAsk()).toBe(false);
  });
});

describe("the log", () => {
  test("message text is never HTML", async () => {
    const page = await play("empty");
    const text = "<img src=x onerror=alert(1)><b>bold</b> & &lt;";
    await page.evaluate((text) => window.played.say({ text, name: text }), text);
    await drawn(page);
    expect(await page.locator(".message p").textContent()).toBe(text);
    expect(await page.locator(".message img").count()).toBe(0);
  });

  test("a message that failed is sent again by its button, under its id", async () => {
    const page = await play("offline");
    await page.getByRole("button", { name: "Try again" }).click();
    expect((await asked(page)).at(-1)).toMatch(/^retry m0/);
  });

  test("customers' messages bear the mark of the sign-in that held when they were stored", async () => {
    const page = await play("talk");
    const marked = (text: string) =>
      page.locator(".message", { hasText: text }).getByRole("img", { name: "Signed in" });
    expect(await marked("Signed in now.").count()).toBe(1);
    expect(await marked("LX-2040, bought in May").count()).toBe(0);
    expect(await page.locator(".message", { hasText: "Signed in now." }).locator("small").textContent()).toMatch(
      /· Read$/,
    );
  });

  test("what is replayed isn't read out, what comes then is", async () => {
    const page = await play("empty");
    const live = () => page.getByRole("log").getAttribute("aria-live");
    // What is there when the panel opens isn't, either.
    expect(await live()).toBe("off");
    await until(async () => (await live()) === "polite");
    await page.evaluate(() => window.played.say({ text: "Long ago" }, true));
    expect(await live()).toBe("off");
    await until(async () => (await live()) === "polite");
    await page.evaluate(() => window.played.say({ text: "Now" }));
    await drawn(page);
    expect(await live()).toBe("polite");
  });

  test("a row that is there stays the same element when others come, and its button keeps the focus", async () => {
    const page = await play("offline");
    await page.getByRole("button", { name: "Try again" }).focus();
    await page.evaluate(() => window.played.say({ text: "Still there?", name: "Anna" }));
    await drawn(page);
    expect(await focused(page)).toBe("text");
  });

  test("typing is shown, and over when the message is there", async () => {
    const page = await play("talk");
    const dots = page.locator(".dots");
    expect([await dots.isVisible(), await page.getByText("Anna Lindqvist is typing …").count()]).toEqual([true, 1]);
    await page.evaluate(() => window.played.say({ text: "There.", name: "Anna Lindqvist" }));
    expect(await dots.isVisible()).toBe(false);
  });

  test("a thousand messages that are replayed are drawn together", async () => {
    const page = await play("empty");
    const times = await page.evaluate(() => {
      let times = 0;
      const log = document.querySelector("[data-usher]")?.shadowRoot?.querySelector("[role=log]");
      if (!log) throw new Error("no log");
      new MutationObserver(() => times++).observe(log, { childList: true });
      for (let n = 0; n < 1000; n++) window.played.say({ text: `Line ${n}`, name: "Anna" }, true);
      return new Promise<number>((done) => requestAnimationFrame(() => setTimeout(() => done(times))));
    });
    expect([times, await page.locator(".message").count()]).toEqual([1, 1000]);
  });
});

describe("signing in", () => {
  test("the agent's request is answered by its button", async () => {
    const page = await play("asked");
    await page.getByRole("button", { name: "Sign in" }).click();
    await drawn(page);
    expect(await asked(page)).toContain("signIn");
    expect(await page.getByRole("button", { name: "Sign in" }).count()).toBe(0);
    expect(await page.locator(".head .mark").textContent()).toBe("Signed in");
    expect(await focused(page)).toBe("textarea");
  });

  test("a request that was answered isn't made again by the downgrade", async () => {
    const page = await play("asked");
    await page.evaluate(() => {
      window.played.authenticate();
      window.played.downgrade();
    });
    await drawn(page);
    expect(await page.locator(".card button").count()).toBe(0);
  });

  test("what doesn't work is told, with what to do", async () => {
    const page = await play("asked");
    await page.evaluate(() => (window.played.signsIn = false));
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("Please sign in on this website first.").waitFor();
  });

  test("the downgrade is told in plain words, with an offer to sign in again", async () => {
    const page = await play("downgraded");
    const bar = page.locator(".bar");
    expect(await bar.locator("p").textContent()).toBe("You are no longer signed in. The chat goes on without sign-in.");
    await bar.getByRole("button", { name: "Sign in" }).click();
    await drawn(page);
    expect(await bar.count()).toBe(0);
  });

  test("before a sign-in that is needed nothing of the chat is shown, and a new one can be begun", async () => {
    const page = await play("talk");
    await page.evaluate(() => {
      const error = {
        code: "authentication_required",
        message: "",
        action: "",
        temporary: false,
        in_reply_to: "resume",
      };
      window.played.kept = true;
      window.played.emit("error", error);
    });
    await drawn(page);
    expect(await page.getByText("My lamp doesn’t work.").isVisible()).toBe(false);
    await page.getByRole("button", { name: "New chat" }).click();
    expect((await asked(page)).slice(-2)).toEqual(["leave", "start"]);
  });

  test("signing out leaves nothing of the chat, a half-written message neither", async () => {
    const page = await play("talk");
    await field(page).fill("my secret");
    await page.evaluate(() => window.Usher?.signOut());
    await drawn(page);
    expect(await page.locator(".message, .note, .card").count()).toBe(0);
    expect(await field(page).inputValue()).toBe("");
    expect(await page.locator("[data-usher]").evaluate((host) => host.shadowRoot?.textContent)).not.toContain("Anna");
  });

  test("another customer's page begins a new chat where the panel is open", async () => {
    const page = await play("talk");
    await page.evaluate(() => {
      window.played.emit(
        "cleared",
        { reason: "customer_changed" },
        { connection: "idle", conversation: null, agent: null },
      );
    });
    await page.getByText("Someone else is signed in now.").waitFor();
    expect((await asked(page)).at(-1)).toBe("start");
  });
});

describe("the end", () => {
  test("is asked about, and can be called off by Escape", async () => {
    const page = await play("ending");
    expect(await focused(page)).toBe("main");
    await page.keyboard.press("Escape");
    expect([await focused(page), await dialog(page).isVisible()]).toEqual(["textarea", true]);
    expect(await asked(page)).not.toContain("end");
  });

  test("leads to a new chat", async () => {
    const page = await play("ending");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "New chat" }).click();
    expect((await asked(page)).slice(-3)).toEqual(["end", "leave", "start"]);
  });

  test("the transcript is a file", async () => {
    const page = await play("ended");
    const [file] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Download transcript" }).click(),
    ]);
    expect(file.suggestedFilename()).toMatch(/^chat-\d{4}-\d\d-\d\d\.txt$/);
    expect(await text(await file.createReadStream())).toContain("You: That was all, thank you.");
  });
});

describe("the keyboard", () => {
  test("every button is reached, in order, and seen to be", async () => {
    const page = await play("downgraded");
    await page.locator("[aria-controls=menu]").focus();
    const names: (string | null)[] = [];
    for (let step = 0; step < 6; step++) {
      await page.keyboard.press("Tab");
      const [name, outline] = await page.evaluate(() => {
        const element = document.querySelector("[data-usher]")?.shadowRoot?.activeElement;
        if (!element) return ["", ""];
        return [element.getAttribute("aria-label") ?? element.textContent, getComputedStyle(element).outlineStyle];
      });
      names.push(name ?? null);
      expect(outline).toBe("solid");
    }
    expect(names).toEqual(["Minimize", "Sign in", "Close", "Chat", "Write a message", "Send"]);
  });

  test("the menu opens onto its first entry, and Escape closes it alone", async () => {
    const page = await play("downgraded");
    await page.locator("[aria-controls=menu]").press("Enter");
    expect(
      await page.evaluate(() => document.querySelector("[data-usher]")?.shadowRoot?.activeElement?.textContent),
    ).toBe("Download transcript");
    await page.keyboard.press("Escape");
    expect(await page.locator(".menu").isVisible()).toBe(false);
    expect(await page.locator("[aria-controls=menu]").getAttribute("aria-expanded")).toBe("false");
    expect(await dialog(page).isVisible()).toBe(true);
  });

  test("where the panel fills the screen, the focus stays in it", async () => {
    const page = await play("empty", { viewport: { width: 360, height: 640 } });
    await page.locator(".send").focus();
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.hasAttribute("data-usher"))).toBe(true);
    await page.keyboard.press("Shift+Tab");
    expect(await focused(page)).toBe("send");
  });

  test("everything that is pressed is at least 24 by 24 pixels", async () => {
    for (const scene of ["offline", "downgraded", "menu", "asked", "ended"]) {
      const page = await play(scene);
      const boxes = await page.locator("button:visible").evaluateAll((buttons) => {
        return buttons
          .filter((button) => button.getRootNode() instanceof ShadowRoot)
          .map((button) => {
            const { width, height } = button.getBoundingClientRect();
            return Math.min(width, height);
          });
      });
      expect(Math.min(...boxes)).toBeGreaterThanOrEqual(24);
      await page.context().close();
    }
  });
});
