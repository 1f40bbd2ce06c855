import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { en } from "../../src/texts/en.ts";

const ROOT = new URL("../../", import.meta.url);
const PAGES = ["README.md", "../docs/widget.md"];

const read = (name: string): Promise<string> => readFile(new URL(name, ROOT), "utf8");

/** What a page shows as code in this language. */
function examples(page: string, language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"))].map(([, code]) => code ?? "");
}

/** What the compiler has against a file of this text, by the rules of this project. */
function faults(code: string, name: string): string[] {
  const config = fileURLToPath(new URL("tsconfig.json", ROOT));
  const { options } = ts.parseJsonConfigFileContent(ts.readConfigFile(config, ts.sys.readFile).config, ts.sys, ".");
  const paths = { "@usher/widget": [fileURLToPath(new URL("src/index.ts", ROOT))] };
  const file = fileURLToPath(new URL(name, ROOT));
  const host = ts.createCompilerHost(options);
  const { getSourceFile } = host;
  host.getSourceFile = (path, target) =>
    path === file ? ts.createSourceFile(path, code, target) : getSourceFile.call(host, path, target);
  const program = ts.createProgram([file], { ...options, paths, rootDir: fileURLToPath(ROOT) }, host);
  const found = [...program.getSyntacticDiagnostics(), ...program.getSemanticDiagnostics()];
  return found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
}

describe.each(PAGES)("%s", (name) => {
  it("has examples that compile", { timeout: 60_000 }, async () => {
    const codes = examples(await read(name), "ts");
    expect(codes.length).toBeGreaterThan(0);
    for (const code of codes) expect(faults(code, "example.ts"), code).toEqual([]);
  });
});

it("an example that doesn't compile is found", { timeout: 60_000 }, () => {
  const code = 'import { createChat } from "@usher/widget";\ncreateChat({ gateway: 1 });';
  expect(faults(code, "example.ts")).not.toEqual([]);
});

it("the examples in plain script are well-formed", async () => {
  for (const code of examples(await read("../docs/widget.md"), "js")) {
    const { diagnostics = [] } = ts.transpileModule(code, { reportDiagnostics: true });
    expect(
      diagnostics.map(({ messageText }) => messageText),
      code,
    ).toEqual([]);
  }
});

describe("docs/widget.md", () => {
  const between = (text: string, from: string, to: string): string => text.split(from)[1]?.split(to)[0] ?? "";
  const names = (text: string, pattern: RegExp): string[] =>
    [...new Set([...text.matchAll(pattern)].map(([, name = ""]) => name))].sort();
  /** The names of an interface's members. */
  const members = (text: string, head: string): string[] =>
    names(between(text, `interface ${head} {`, "\n}"), /^ {2}(?:readonly )?"?([\w-]+)"?[:(<]/gm);

  it("has every text of the panel, as it is in English", async () => {
    const section = between(await read("../docs/widget.md"), "## Languages and texts", "\n## ");
    const rows = [...section.matchAll(/^\| `(\w+)` \| (.*) \|$/gm)];
    expect(Object.fromEntries(rows.map(([, name, text = ""]) => [name, text.replaceAll("\\|", "|")]))).toEqual(en);
  });

  it("has every custom property of the panel's look, and no other", async () => {
    const section = between(await read("../docs/widget.md"), "## Colours and shape", "\n## ");
    const sheets = ["style", "log", "composer"].map((name) => read(`src/panel/${name}.css`));
    const used = names((await Promise.all(sheets)).join(""), /var\((--usher-[a-z-]+)/g);
    expect(names(section, /(--usher-[a-z-]+)/g)).toEqual(used);
  });

  it("has every attribute of the tag, and no other", async () => {
    const table = between(await read("../docs/widget.md"), "| attribute | |", "\n\n");
    const [, taken = ""] = /const \{ ([^}]*) \} = dataset/.exec(await read("src/script.ts")) ?? [];
    expect(names(table, /`data-(\w+)`/g)).toEqual(taken.split(", ").sort());
  });

  it("has every method and every event", async () => {
    const page = await read("../docs/widget.md");
    const api = await read("src/panel/api.ts");
    const methods = members(api, "UsherApi");
    const types = await read("src/sdk/types.ts");
    const events = [...members(types, "ChatEvents"), ...members(api, "UsherEvents extends ChatEvents")];
    expect(methods).toContain("signOut");
    expect(events).toContain("authentication-requested");
    for (const method of methods) expect(between(page, "## Methods", "\n## ")).toMatch(new RegExp(`\`${method}[(\`]`));
    for (const event of events) expect(between(page, "## Events", "\n## ")).toContain(`\`usher:${event}\``);
  });
});

it("every link within docs/ leads to a page and a heading", async () => {
  const slug = (heading: string): string =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\d\s-]/gu, "")
      .trim()
      .replace(/\s/g, "-");
  for (const name of ["widget.md", "dynamics-365.md", "widget-reference.md"]) {
    const page = await read(`../docs/${name}`);
    for (const [link, path = "", heading] of page.matchAll(/\]\((?!https?:)([\w./-]*)(?:#([\w-]+))?\)/g)) {
      const target = path === "" ? page : await read(`../docs/${path}`);
      const slugs = [...target.matchAll(/^#+ (.+)$/gm)].map(([, text]) => slug(text ?? ""));
      if (heading !== undefined) expect(slugs, `${name}: ${link}`).toContain(heading);
    }
  }
});

it("the reference is what the types say", { timeout: 120_000 }, async () => {
  await promisify(execFile)(process.execPath, ["docs.mjs", "--check"], { cwd: ROOT });
});
