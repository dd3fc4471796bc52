// @ts-check
/** What a guest about privilege says, by the comments in its source (see ring0.inc). */
import fs from "node:fs";
import { pathToFileURL } from "node:url";

/** @param {string} source the assembler text */
export function expected(source) {
  const lines = source.split("\n").flatMap((line) => {
    const whole = /^;: (.*)$/.exec(line);
    if (whole) return [whole[1]];
    const own = /^\s*\w+\s+"([^"]+)".*;= (.*)$/.exec(line);
    return own ? [`${own[1]}: ${own[2]}`] : [];
  });
  return ["up", ...lines, "end", ""].join("\n");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  process.stdout.write(expected(fs.readFileSync(process.argv[2] ?? "", "utf8")));
}
