// Builds what the binary serves and what the npm package holds. `dist/` is committed, so that building usher needs no
// Node. `node build.mjs --check` writes nothing, and fails where `dist/` is not what the sources say.

import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { brotliCompressSync, brotliDecompressSync, constants, gunzipSync, gzipSync } from "node:zlib";

import { generateDtsBundle } from "dts-bundle-generator";
import { bundle } from "./bundle.mjs";

/** The most that a file may weigh with gzip, in bytes. */
const limits = { "usher.js": 25_600, "usher.mjs": 8_192 };
const encodings = {
  gz: { encode: (bytes) => gzipSync(bytes, { level: 9 }), decode: gunzipSync },
  br: {
    encode: (bytes) =>
      brotliCompressSync(bytes, {
        params: {
          [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
          [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
          [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
        },
      }),
    decode: brotliDecompressSync,
  },
};

/** The types of the module in one file, with their comments. That they hold is for `tsc --noEmit`. */
function types(entry) {
  const [text] = generateDtsBundle([{ filePath: entry, output: { noBanner: true, sortNodes: false } }], {
    preferredConfigPath: `${import.meta.dirname}/tsconfig.json`,
  });
  return Buffer.from(text);
}

/** Each file's name and what it holds, the compressed forms not among them. */
async function files() {
  process.chdir(import.meta.dirname);
  return {
    "usher.js": await bundle("src/script.ts", "iife"),
    "usher.mjs": await bundle("src/index.ts", "esm"),
    "usher.d.ts": types("src/index.ts"),
  };
}

async function write(built) {
  await rm("dist", { recursive: true, force: true });
  await mkdir("dist");
  for (const [name, bytes] of Object.entries(built)) {
    await writeFile(`dist/${name}`, bytes);
    for (const [ending, { encode }] of Object.entries(encodings)) {
      await writeFile(`dist/${name}.${ending}`, encode(bytes));
    }
  }
}

/** What in `dist/` is not as it would be written. Compressed files are judged by what they hold: zlibs differ. */
async function stale(built) {
  const unread = new Set(await readdir("dist"));
  const holds = async (name, decode, bytes) => {
    try {
      return unread.delete(name) && decode(await readFile(`dist/${name}`)).equals(bytes);
    } catch {
      return false;
    }
  };
  const found = [];
  for (const [name, bytes] of Object.entries(built)) {
    const forms = [[name, (kept) => kept]];
    forms.push(...Object.entries(encodings).map(([ending, { decode }]) => [`${name}.${ending}`, decode]));
    for (const [form, decode] of forms) {
      if (!(await holds(form, decode, bytes))) {
        found.push(form);
      }
    }
  }
  return [...found, ...unread];
}

/** Prints what each file weighs; the names of those that weigh too much. */
function weigh(built) {
  const column = (value) => String(value).padStart(9);
  console.log(`${"file".padEnd(12)}${["bytes", "gzip", "brotli", "limit"].map(column).join("")}`);
  const heavy = [];
  for (const [name, bytes] of Object.entries(built)) {
    const [gzip, brotli] = Object.values(encodings).map(({ encode }) => encode(bytes).length);
    const limit = limits[name];
    console.log(`${name.padEnd(12)}${[bytes.length, gzip, brotli, limit ?? "-"].map(column).join("")}`);
    if (limit !== undefined && gzip > limit) {
      heavy.push(`${name} weighs ${gzip} bytes with gzip, ${gzip - limit} more than it may`);
    }
  }
  return heavy;
}

const built = await files();
const faults = weigh(built);
if (process.argv.includes("--check")) {
  const names = await stale(built);
  if (names.length > 0) {
    faults.push(`not what the sources say: ${names.map((name) => `dist/${name}`).join(", ")}; \`npm run build\``);
  }
} else {
  await write(built);
}
for (const fault of faults) {
  console.error(fault);
}
process.exitCode = faults.length > 0 ? 1 : 0;
