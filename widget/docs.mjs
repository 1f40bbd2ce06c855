// Writes docs/widget-reference.md from the types and their comments. `node docs.mjs --check` writes nothing, and fails
// where the page is not what they say.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Application, LogLevel } from "typedoc";

const PAGE = fileURLToPath(new URL("../docs/widget-reference.md", import.meta.url));
const HEAD = `# The widget's reference

Generated from the types by \`npm run docs\` in \`widget/\`: change their comments, not this page. How to use them is in
[widget.md](widget.md).
`;

/** Everything of src/reference.ts as one page, without links into anyone's sources. */
async function reference() {
  const folder = await mkdtemp(join(tmpdir(), "usher-reference-"));
  try {
    const app = await Application.bootstrapWithPlugins({
      plugin: ["typedoc-plugin-markdown"],
      entryPoints: [fileURLToPath(new URL("src/reference.ts", import.meta.url))],
      tsconfig: fileURLToPath(new URL("tsconfig.json", import.meta.url)),
      out: folder,
      readme: "none",
      disableSources: true,
      disableGit: true,
      githubPages: false,
      hideGenerator: true,
      hidePageHeader: true,
      hidePageTitle: true,
      hideBreadcrumbs: true,
      outputFileStrategy: "modules",
      parametersFormat: "table",
      interfacePropertiesFormat: "table",
      typeDeclarationFormat: "table",
      tableColumnSettings: { hideInherited: true, hideOverrides: true, hideSources: true },
      sort: ["source-order"],
      // What the tests and the panel keep to themselves is no part of the package.
      excludeInternal: true,
      excludePrivate: true,
      treatWarningsAsErrors: true,
      logLevel: LogLevel.Warn,
    });
    const project = await app.convert();
    if (project === undefined || app.logger.hasWarnings()) throw new Error("the types could not be read");
    await app.generateOutputs(project);
    if (app.logger.hasErrors()) throw new Error("the reference could not be written");
    const body = await readFile(join(folder, "README.md"), "utf8");
    // Each row has an anchor of its own, which nothing points to.
    return `${HEAD}\n${body.replace(/<a id="[^"]*"><\/a> /g, "").trim()}\n`;
  } finally {
    await rm(folder, { recursive: true });
  }
}

const fresh = await reference();
if (!process.argv.includes("--check")) {
  await writeFile(PAGE, fresh);
} else if ((await readFile(PAGE, "utf8").catch(() => "")) !== fresh) {
  console.error("docs/widget-reference.md is not what the types say: run `npm run docs` in widget/ and commit it");
  process.exitCode = 1;
}
