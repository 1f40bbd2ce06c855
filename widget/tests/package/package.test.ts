import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { expect, it } from "vitest";

const run = promisify(execFile);
const ROOT = new URL("../../", import.meta.url);

const json = async (name: string): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(new URL(name, ROOT), "utf8")) as Record<string, unknown>;

it("npm packs the built files and the README, and nothing else", { timeout: 60_000 }, async () => {
  const { stdout } = await run("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: ROOT });
  const [packed] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  const paths = packed.files.map(({ path }) => path).sort();
  expect(paths).toEqual(["README.md", "dist/usher.d.ts", "dist/usher.js", "dist/usher.mjs", "package.json"]);
});

it("what the package exports is in it", async () => {
  const { exports, main, module, types, files } = await json("package.json");
  const named = JSON.stringify([exports, main, module, types]).match(/dist\/[\w.]+/g) ?? [];
  expect(new Set(named)).toEqual(new Set(["dist/usher.mjs", "dist/usher.d.ts", "dist/usher.js"]));
  expect(files).toEqual(expect.arrayContaining(named));
});

it("depends on nothing at run time", async () => {
  const described = await json("package.json");
  for (const kind of ["dependencies", "peerDependencies", "optionalDependencies", "bundleDependencies"]) {
    expect(described[kind], kind).toBeUndefined();
  }
});

it("the lock file names packages by their hashes, and no host to get them from", async () => {
  const lock = await readFile(new URL("package-lock.json", ROOT), "utf8");
  expect(lock).toContain('"integrity"');
  expect(lock).not.toMatch(/"resolved"|:\/\/[^"]*registry/);
});

it("the layer for Dynamics 365 weighs 2.5 KB at most", async () => {
  const built = await build({
    entryPoints: [new URL("src/compat/dynamics365.ts", ROOT).pathname],
    bundle: true,
    minify: true,
    target: "es2022",
    format: "esm",
    write: false,
  });
  expect(gzipSync(built.outputFiles[0]?.contents ?? "", { level: 9 }).length).toBeLessThanOrEqual(2560);
});
