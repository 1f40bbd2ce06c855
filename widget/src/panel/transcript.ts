// The conversation as a text that the customer keeps.

import type { Words } from "../texts/index.ts";
import { el } from "./dom.ts";
import type { Row } from "./log.ts";

/** One line for each row; who was signed in, and what wasn't sent, is told as in the panel. */
export function transcript(title: string, rows: readonly Row[], words: Words): string {
  const lines = rows.map((row) => {
    if (row.kind === "day") return `\n${words.date(row.at)}\n`;
    if (row.kind === "note") return `– ${words.say(row.what, { name: row.name })}${row.text ? `: ${row.text}` : ""}`;
    const { message } = row;
    const { from, text, at, authenticated, delivery } = message;
    if (from === "system") return `– ${text}`;
    const unsent = delivery === "waiting" || delivery === "failed";
    const marks = [authenticated && words.say("signedIn"), unsent && words.say(delivery)].filter(Boolean).join(", ");
    const author = words.author(message) + (marks && ` (${marks})`);
    return `${words.time(at)} ${author}: ${text.replaceAll("\n", "\n    ")}`;
  });
  return `${title}\n${lines.join("\n")}\n`;
}

/** Hands the text to the customer as a file. */
export function download(name: string, text: string): void {
  const href = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  el("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}
