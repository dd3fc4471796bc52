// @ts-check
/**
 * Bundles the shell into dist/: everything a page downloads, and the command line.
 *
 *   node www/build.mjs [--wasm FOLDER] [--out FOLDER]
 *
 * FOLDER of --wasm (build/wasm unless given) holds what wasm-bindgen made: pagevm_web.js and pagevm_web_bg.wasm. The
 * tests of the shell give a double of it.
 */
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";

const WWW = path.dirname(fileURLToPath(import.meta.url));
const ROOT = path.dirname(WWW);

/** SeaBIOS and its VGA BIOS, as Debian builds them. */
const FIRMWARE = {
  "bios.bin": "/usr/share/seabios/bios-256k.bin",
  "vgabios.bin": "/usr/share/seabios/vgabios-stdvga.bin",
};

/** @param {{ wasm?: string, out?: string }} [options] */
export async function bundle({ wasm = path.join(ROOT, "build/wasm"), out = path.join(ROOT, "dist") } = {}) {
  const glue = path.join(wasm, "pagevm_web.js");
  if (!fs.existsSync(glue)) {
    throw new Error(`${glue} is missing: ./build.sh build makes it from crate/web before it calls this`);
  }
  fs.mkdirSync(out, { recursive: true });

  /** @type {import("esbuild").BuildOptions} */
  const common = {
    absWorkingDir: ROOT,
    alias: { "pagevm-web": glue },
    bundle: true,
    charset: "utf8",
    format: "esm",
    legalComments: "none", // THIRD-PARTY.txt has them whole
    loader: { ".css": "text" },
    logLevel: "warning",
    metafile: true,
    minify: true,
    outdir: out,
    target: ["es2022", "chrome123", "firefox120", "safari17.5"],
  };
  const results = await Promise.all([
    // Split, so that pages without a console do not download its terminal.
    build({
      ...common,
      splitting: true,
      chunkNames: "[name]",
      entryPoints: [path.join(WWW, "pagevm.js")],
    }),
    build({
      ...common,
      entryPoints: [
        path.join(WWW, "vm/worker.js"),
        path.join(WWW, "hosts/painter.js"),
        path.join(WWW, "page.js"),
      ],
      entryNames: "[name]",
    }),
    build({ ...common, entryPoints: [path.join(WWW, "styles/page.css")], loader: {}, entryNames: "[name]" }),
    ...(fs.existsSync(path.join(WWW, "cli/cli.mjs"))
      ? [
          build({
            ...common,
            entryPoints: [path.join(WWW, "cli/cli.mjs")],
            outExtension: { ".js": ".mjs" },
            platform: "node",
            target: "node20",
          }),
        ]
      : []),
  ]);

  fs.copyFileSync(path.join(wasm, "pagevm_web_bg.wasm"), path.join(out, "pagevm_web_bg.wasm"));
  for (const [name, from] of Object.entries(FIRMWARE)) {
    if (!fs.existsSync(from)) throw new Error(`${from} is missing: it comes with the Debian package seabios`);
    fs.copyFileSync(from, path.join(out, name));
  }
  fs.copyFileSync(path.join(WWW, "index.html"), path.join(out, "index.html"));
  fs.copyFileSync(path.join(WWW, "styles/favicon.svg"), path.join(out, "favicon.svg"));
  fs.copyFileSync(path.join(WWW, "types/pagevm.d.ts"), path.join(out, "pagevm.d.ts"));
  const inputs = results.flatMap(({ metafile }) => Object.keys(metafile?.inputs ?? {}));
  fs.writeFileSync(path.join(out, "THIRD-PARTY.txt"), licences(inputs));
}

/** The licence texts of the packages that files come from. @param {string[]} files relative to the project */
function licences(files) {
  const names = files.map((file) => /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1]);
  const packages = [...new Set(names.filter((name) => name !== undefined))].sort();
  const texts = packages.map((name) => {
    const folder = path.join(ROOT, "node_modules", name);
    const { version, license } = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"));
    const file = fs.readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (!file) throw new Error(`${name} ${version} (${license}) carries no licence text`);
    return `${name} ${version} (${license})\n\n${fs.readFileSync(path.join(folder, file), "utf8").trim()}\n`;
  });
  const head = `PageVM's JavaScript contains the following packages.

bios.bin and vgabios.bin are SeaBIOS and its VGA BIOS as Debian's package seabios has them, unmodified: GNU Lesser General Public
License, version 3. Their source: https://packages.debian.org/source/bookworm/seabios, https://www.seabios.org
`;
  return [head, ...texts].join(`\n${"-".repeat(80)}\n\n`);
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { wasm: { type: "string" }, out: { type: "string" } } });
  try {
    const { wasm, out } = values;
    await bundle({ ...(wasm && { wasm: path.resolve(wasm) }), ...(out && { out: path.resolve(out) }) });
  } catch (error) {
    console.error(`www/build.mjs: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  }
}
