// Builds what the binary serves and what the npm package holds: `dist/` is committed, so that building usher needs no
// Node. `node build.mjs --check` writes nothing, and fails where `dist/` is not what the sources say.

import { build } from "esbuild";

const common = { bundle: true, minify: true, target: "es2022", charset: "utf8", legalComments: "none", write: true };
await build({ ...common, entryPoints: ["src/script.ts"], format: "iife", outfile: "dist/usher.js" });
await build({ ...common, entryPoints: ["src/index.ts"], format: "esm", outfile: "dist/usher.mjs" });
