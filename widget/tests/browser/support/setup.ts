// Once for all tests: the bundles of the sources as they are now, and one browser.

import { chromium } from "playwright-core";
import type { TestProject } from "vitest/node";
import { bundle } from "../../../bundle.mjs";
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
  const [script, module] = await Promise.all([bundle("src/script.ts", "iife"), bundle("src/index.ts", "esm")]);
  const server = await chromium.launchServer({ executablePath: CHROMIUM, chromiumSandbox: false, args: FLAGS });
  project.provide("browser", server.wsEndpoint());
  project.provide("bundles", { "usher.js": String(script), "usher.mjs": String(module) });
  return () => server.close();
}
