import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { lcwError } from "../../src/compat/errors.ts";

const read = (name: string): Promise<string> => readFile(new URL(`../../${name}`, import.meta.url), "utf8");

/** What Dynamics 365 has no number for: the panel deals with it. */
const UNNUMBERED = (
  "bad_frame unsupported_frame out_of_order unknown_conversation conversation_ended message_too_long id_conflict " +
  "rate_limited storage_unavailable internal connection_closed"
).split(" ");

/** Every code that an error can have: the protocol's, and the widget's own as its type lists them. */
async function codes(): Promise<string[]> {
  const protocol = JSON.parse(await read("../docs/asyncapi.json")) as {
    components: { messages: { ServerError: { payload: { properties: { code: { enum: string[] } } } } } };
  };
  const own = /the widget's own:(.*?)\*\//s.exec(await read("src/sdk/types.ts"))?.[1] ?? "";
  const named = [...own.matchAll(/`(\w+)`/g)].map(([, code = ""]) => code);
  expect(named).toContain("provider_timeout");
  return [...protocol.components.messages.ServerError.payload.properties.code.enum, ...named];
}

const numberOf = (code: string): number | undefined =>
  lcwError({ code, message: "", action: "", temporary: false })?.errorCode;

it("every error has its number, or none on purpose", async () => {
  const without = (await codes()).filter((code) => numberOf(code) === undefined);
  expect(without.sort()).toEqual(UNNUMBERED.sort());
});

it("docs/dynamics-365.md has the same number for each", async () => {
  const section = (await read("../docs/dynamics-365.md")).split("## Errors")[1]?.split("\n## ")[0] ?? "";
  const rows = [...section.matchAll(/^\| (\d) \| [^|]* \| (.*) \|$/gm)];
  const told = rows.flatMap(([, number, reasons = ""]) =>
    [...reasons.matchAll(/`(\w+)`/g)].map(([, code]) => [code, Number(number)] as const),
  );
  const numbered = (await codes()).filter((code) => numberOf(code) !== undefined);
  expect(Object.fromEntries(told)).toEqual(Object.fromEntries(numbered.map((code) => [code, numberOf(code)])));
});

it("docs/dynamics-365.md has every method and every event", async () => {
  const [page, methods, events] = await Promise.all(
    ["../docs/dynamics-365.md", "src/compat/dynamics365.ts", "src/compat/events.ts"].map(read),
  );
  const object = methods?.split("const methods = {")[1]?.split("\n  };")[0] ?? "";
  const named = [...object.matchAll(/^ {4}(\w+)[:(]/gm)].map(([, name = ""]) => name);
  expect(named).toHaveLength(14);
  for (const name of named) expect(page, name).toMatch(new RegExp(`\`${name}\\(`));
  const fired = [...`${methods}${events}`.matchAll(/fire\("(\w+)"/g)].map(([, name = ""]) => name);
  expect(new Set(fired).size).toBe(12);
  for (const name of fired) expect(page, name).toContain(`\`lcw:${name}\``);
});
