// The programs that the tests run: they are there before the tests are.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const WIDGET = fileURLToPath(new URL("../../..", import.meta.url));
/** The gateway. */
export const USHER = process.env.USHER_BIN ?? join(WIDGET, "../target/debug/usher");
/** The browser. */
export const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Says what is missing, and what to do about it. */
export function checkPrograms(): void {
  if (!existsSync(USHER)) {
    throw new Error(`There is no gateway at ${USHER}: \`cargo build\`, or name one in the variable USHER_BIN`);
  }
  if (!existsSync(CHROMIUM)) {
    throw new Error(`There is no Chromium at ${CHROMIUM}: install it, or name one in the variable CHROMIUM`);
  }
}
