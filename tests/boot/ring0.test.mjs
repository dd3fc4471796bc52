// @ts-check
/**
 * What only a kernel sees: tables of cases from the manual as guests (tests/guests/ring0), with their expected lines in
 * their sources. Each runs interpreted, translated as it comes, and with everything translated at first sight.
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { expected } from "../guests/ring0/expected.mjs";
import { guest, noMachine, ROOT, run } from "./lib.mjs";

const FOLDER = path.join(ROOT, "tests/guests/ring0");
const NAMES = fs.readdirSync(FOLDER).flatMap((file) => (file.endsWith(".asm") ? [file.slice(0, -4)] : []));

describe("privilege, as the manual has it", { skip: noMachine, concurrency: 3 }, () => {
  for (const name of NAMES) {
    const image = noMachine ? "" : guest(`ring0/${name}`);
    const lines = expected(fs.readFileSync(path.join(FOLDER, `${name}.asm`), "utf8")).split("\n");
    for (const jit of ["off", "on", "eager"]) {
      test(`${name}: ${lines.length - 3} cases, with --jit ${jit}`, async () => {
        const args = ["--multiboot", image, "--timeout", "40", "--jit", jit];
        const { status, stdout, stderr } = await run(args, { seconds: 60 });
        assert.deepEqual(stdout.split("\n"), lines, stderr);
        assert.equal(status, 1, stderr);
      });
    }
  }
});
