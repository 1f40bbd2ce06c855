// Builds the panel with a chat that is played, for the page in this folder.

import { build, transform } from "esbuild";
import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const css = {
  name: "css",
  setup({ onLoad }) {
    onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, "utf8"), { loader: "css", minify: true, target: "es2022" });
      return { contents: code.trim(), loader: "text" };
    });
  },
};
const played = {
  name: "played",
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/index\.ts$/ }, () => ({ path: new URL("played.ts", import.meta.url).pathname }));
  },
};

export async function bundle(entry, { isPlayed = true } = {}) {
  const { outputFiles } = await build({
    bundle: true,
    minify: true,
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    format: "iife",
    write: false,
    stdin: { contents: entry, resolveDir: new URL("../../src", import.meta.url).pathname, loader: "ts" },
    plugins: isPlayed ? [css, played] : [css],
  });
  return outputFiles[0].text;
}

export const size = (text) => gzipSync(text, { level: 9 }).length;
