// How the sources become one file, for what is shipped and for what is tested alike.

import { readFile } from "node:fs/promises";
import { build, transform } from "esbuild";

const target = "es2022";

/** A style sheet is imported as its text, which the panel adopts: esbuild alone would keep every blank of it. */
const styles = {
  name: "styles",
  setup(plugin) {
    plugin.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, "utf8"), { loader: "css", minify: true, target });
      return { contents: code.trim(), loader: "text" };
    });
  },
};

/** The bundle of `entry`, a path from this folder; `plugins` may put other modules in the place of some. */
export async function bundle(entry, format, plugins = []) {
  const built = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    target,
    format,
    charset: "utf8",
    legalComments: "none",
    absWorkingDir: import.meta.dirname,
    plugins: [styles, ...plugins],
    write: false,
  });
  return Buffer.from(built.outputFiles[0].contents);
}
