// Which language the panel speaks, and how it says something.

import type { Message } from "../sdk/types.ts";
import { de } from "./de.ts";
import { en, type Texts } from "./en.ts";
import { es } from "./es.ts";
import { fr } from "./fr.ts";
import { it } from "./it.ts";
import { ja } from "./ja.ts";
import { ru } from "./ru.ts";
import { zhHant } from "./zh-hant.ts";

export type { Texts };
export type TextName = keyof Texts;

/** Chinese has one table, in traditional characters. */
export const tables: Record<string, Texts> = { en, de, fr, es, it, ru, ja, zh: zhHant };

const RIGHT_TO_LEFT = /^(ar|arc|ckb|dv|fa|he|ks|ps|sd|ug|ur|yi)\b/;

/** A language tag as the browser writes it, or none where it isn't one. */
function canonical(tag: string | null | undefined): string | undefined {
  try {
    return Intl.getCanonicalLocales(tag?.replaceAll("_", "-") || [])[0];
  } catch {
    return undefined;
  }
}

/** The panel's words in one language, with what the page says in their stead. */
export class Words {
  /** BCP 47: how times are written, and what agents are told. */
  readonly tag: string;
  /** The language of the texts. */
  readonly language: string;
  #texts: Texts;
  // Made when they are needed: the first one of a page takes longer than all of the panel.
  #time: Intl.DateTimeFormat | undefined;
  #date: Intl.DateTimeFormat | undefined;
  #plural: Intl.PluralRules | undefined;

  /**
   * @param wanted the page's wish; it stands for times even where there are no texts in it
   * @param others the document's language and the customer's, the best first
   */
  constructor(wanted: string | null | undefined, others: readonly (string | null | undefined)[]) {
    const wish = canonical(wanted);
    const tags = [wish, ...others.map(canonical)].filter((tag) => tag !== undefined);
    const found = tags.find((tag) => Object.hasOwn(tables, languageOf(tag))) ?? "en";
    this.language = languageOf(found) === "zh" ? "zh-Hant" : found;
    this.tag = wish ?? found;
    this.#texts = { ...(tables[languageOf(found)] ?? en) };
  }

  /** How the language is written that the page wants, whether there are texts in it or not. */
  get rightToLeft(): boolean {
    return RIGHT_TO_LEFT.test(this.tag);
  }

  /** Says some things otherwise; the rest stays. */
  override(texts: Partial<Texts>): void {
    this.#texts = { ...this.#texts, ...texts };
  }

  say(name: TextName, fill: { name?: string | undefined; n?: number } = {}): string {
    const { n } = fill;
    let text = this.#texts[name];
    if (n !== undefined) {
      const forms = text.split("|");
      this.#plural ??= new Intl.PluralRules(this.tag);
      const category = `${this.#plural.select(n)}:`;
      const form = forms.find((each) => each.startsWith(category));
      text = form?.slice(category.length) ?? forms.at(-1) ?? text;
    }
    return text.replace(/\{(name|n)\}/g, (_, key: "name" | "n") => {
      return key === "n" ? (n ?? 0).toLocaleString(this.tag) : (fill.name ?? this.#texts.agent);
    });
  }

  /** Who has written it; not for those of the system, which say it themselves. */
  author({ from, name }: { from: Message["from"]; name?: string }): string {
    return from === "customer" ? this.#texts.you : name || this.#texts[from === "bot" ? "bot" : "agent"];
  }

  /** The time of day. */
  time(at: string): string {
    return format((this.#time ??= new Intl.DateTimeFormat(this.tag, { timeStyle: "short" })), at);
  }

  date(at: string): string {
    return format((this.#date ??= new Intl.DateTimeFormat(this.tag, { dateStyle: "full" })), at);
  }

  /** Today, yesterday, or the date. */
  day(at: string, now = new Date()): string {
    const midnight = (when: Date): number => Date.UTC(when.getFullYear(), when.getMonth(), when.getDate());
    const days = (midnight(new Date(at)) - midnight(now)) / 86_400_000;
    if (days !== 0 && days !== -1) return this.date(at);
    const near = new Intl.RelativeTimeFormat(this.tag, { numeric: "auto" }).format(days, "day");
    return near.charAt(0).toUpperCase() + near.slice(1);
  }
}

const languageOf = (tag: string): string => tag.split("-")[0] ?? tag;

/** A time that can't be read is none, and no reason to show nothing else. */
function format(formatter: Intl.DateTimeFormat, at: string): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? "" : formatter.format(date);
}
