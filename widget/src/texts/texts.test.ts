import { describe, expect, test } from "vitest";
import { Words, tables } from "./index.ts";

const placeholders = (text: string): string[] => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();

describe.each(Object.entries(tables))("%s", (language, texts) => {
  test.each(Object.entries(texts))("%s is said, with what is filled in", (name, text) => {
    expect(text.trim()).not.toBe("");
    const english = tables.en?.[name as keyof typeof texts] ?? "";
    expect(placeholders(text)).toEqual(placeholders(english));
  });

  test("every number has its form", () => {
    const words = new Words(language, []);
    for (const n of [0, 1, 2, 3, 5, 11, 21, 22, 101, 1000]) {
      expect(words.say("unread", { n })).toMatch(new RegExp(`${n.toLocaleString(words.tag)}`));
      expect(words.say("unread", { n })).not.toMatch(/[|:{}]/);
    }
  });
});

describe("the language", () => {
  const language = (wanted: string | null, ...others: string[]): string => new Words(wanted, others).language;

  test("is the script tag's, else the page's, else the customer's, else English", () => {
    expect(language("fr", "de", "it")).toBe("fr");
    expect(language(null, "de-AT", "it")).toBe("de-AT");
    expect(language(null, "", "it")).toBe("it");
    expect(language(null, "pt", "eo")).toBe("en");
  });

  test("is written as times are in the wanted one, though there are no texts in it", () => {
    const words = new Words("pt-BR", ["de"]);
    expect([words.tag, words.language, words.say("send")]).toEqual(["pt-BR", "de", "Senden"]);
  });

  test("Chinese of every kind is told in traditional characters", () => {
    for (const tag of ["zh", "zh-TW", "zh-Hant-HK", "zh_TW"]) expect(language(tag)).toBe("zh-Hant");
  });

  test("what is no language is none", () => {
    for (const tag of ["", "!", "e", "constructor", "x-y", "en-"]) expect(language(tag, "ja")).toBe("ja");
  });

  test("right to left is told for languages without texts of ours, too", () => {
    const rightToLeft = (tag: string): boolean => new Words(tag, []).rightToLeft;
    expect(["ar", "ar-EG", "he", "fa-IR", "ur"].map(rightToLeft)).toEqual([true, true, true, true, true]);
    expect(["en", "arn", "hey", "fao"].map(rightToLeft)).toEqual([false, false, false, false]);
  });
});

describe("saying", () => {
  test("Russian has a form for each kind of number", () => {
    const words = new Words("ru", []);
    const said = [1, 2, 5, 11, 21, 24].map((n) => words.say("unread", { n }).replace(/^\d+ /, ""));
    const [one, few, many] = ["новое сообщение", "новых сообщения", "новых сообщений"];
    expect(said).toEqual([one, few, many, many, one, few]);
  });

  test("a name is taken as it is, whatever is in it", () => {
    const words = new Words("en", []);
    expect(words.say("joined", { name: "$& {n} $1" })).toBe("$& {n} $1 joined the chat");
    expect(words.say("joined")).toBe("Our team joined the chat");
  });

  test("the page says some things otherwise, and the rest stays", () => {
    const words = new Words("en", []);
    words.override({ title: "Ask us" });
    expect([words.say("title"), words.say("send")]).toEqual(["Ask us", "Send"]);
  });

  test("days are today, yesterday, and then their date", () => {
    const words = new Words("en", []);
    const now = new Date(2026, 2, 4, 0, 30);
    const day = (...of: [number, number, number, number]): string => words.day(new Date(...of).toISOString(), now);
    expect(day(2026, 2, 4, 0)).toBe("Today");
    expect(day(2026, 2, 3, 23)).toBe("Yesterday");
    expect(day(2026, 2, 2, 23)).toBe("Monday, March 2, 2026");
    expect(day(2026, 2, 5, 1)).toBe("Thursday, March 5, 2026");
  });

  test("a time that can't be read is shown as none", () => {
    const words = new Words("en", []);
    expect([words.time("soon"), words.day("soon")]).toEqual(["", ""]);
  });
});
