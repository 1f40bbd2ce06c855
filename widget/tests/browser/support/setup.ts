// Once for all tests: the bundles of the sources as they are now, and one browser.

import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import type { TestProject } from "vitest/node";
import { CHROMIUM, checkPrograms } from "./programs.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Where the browser is reached. */
    browser: string;
    /** The bundles, by their place below `/widget/v1/`. */
    bundles: Record<string, string>;
  }
}

const FLAGS = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  checkPrograms();
  const [script, module] = await Promise.all([bundle("script.ts", "iife"), bundle("index.ts", "esm")]);
  const server = await chromium.launchServer({ executablePath: CHROMIUM, chromiumSandbox: false, args: FLAGS });
  project.provide("browser", server.wsEndpoint());
  project.provide("bundles", { "usher.js": script, "usher.mjs": module });
  return () => server.close();
}

async function bundle(entry: string, format: "iife" | "esm"): Promise<string> {
  const path = fileURLToPath(new URL(`../../../src/${entry}`, import.meta.url));
  const options = { bundle: true, minify: true, target: "es2022", charset: "utf8", write: false } as const;
  const { outputFiles } = await build({ ...options, entryPoints: [path], format, loader: { ".css": "text" } });
  return outputFiles[0]?.text ?? "";
}
