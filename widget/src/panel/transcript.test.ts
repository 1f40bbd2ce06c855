import { expect, test } from "vitest";
import { Words } from "../texts/index.ts";
import { characters } from "./composer.ts";
import { Log } from "./log.ts";
import { transcript } from "./transcript.ts";

test("a transcript tells who said what and when, signed in or not, and what wasn't sent", () => {
  const log = new Log();
  const at = new Date(2026, 2, 4, 13, 5).toISOString();
  log.assigned({ sequence: 2, queue: "service", agent: "Anna", past: false });
  log.message({ sequence: 3, at, from: "agent", name: "Anna", text: "Which one?\nThis?", delivery: "received" });
  log.message({ id: "a", sequence: 4, at, from: "customer", text: "That.", authenticated: true, delivery: "sent" });
  log.message({ sequence: 5, at, from: "system", text: "Calls may be recorded.", delivery: "received" });
  log.requested({ sequence: 6, message: "For your order.", past: false });
  log.message({ id: "b", at, from: "customer", text: "And?", delivery: "failed" });
  expect(transcript("Contoso", log.rows(), new Words("de", []))).toBe(
    [
      "Contoso",
      "",
      "Mittwoch, 4. März 2026",
      "",
      "– Anna ist jetzt im Chat",
      "13:05 Anna: Which one?",
      "    This?",
      "13:05 Sie (Angemeldet): That.",
      "– Calls may be recorded.",
      "– Anna bittet Sie, sich anzumelden: For your order.",
      "13:05 Sie (Nicht gesendet): And?",
      "",
    ].join("\n"),
  );
});

test("characters are counted as the gateway counts them", () => {
  expect(["", "abc", "🙂", "👩‍👩‍👧", "e\u0301"].map(characters)).toEqual([0, 3, 1, 5, 2]);
});
