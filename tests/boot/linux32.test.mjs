// @ts-check
/**
 * An unmodified Debian kernel: to the shell, commands over the serial line and the keyboard, switched off.
 *
 * It boots once, and its state at the prompt is saved; each test goes on from there.
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import { before, describe, test } from "node:test";
import { CMDLINE, INITRD, KERNEL, newName, noLinux, Run, run } from "./lib.mjs";

const BOOT = ["--kernel", KERNEL, "--initrd", INITRD, "--cmdline", `console=tty0 ${CMDLINE}`];
const PROMPT = ["--expect", "PAGEVM-READY", "--expect", "# ", "--expect-screen", "pagevm:~#"];
const TIMEOUT = ["--timeout", "300"];

/** @param {string} file */
const statsIn = (file) => JSON.parse(fs.readFileSync(file, "utf8"));

describe("linux32", { skip: noLinux }, () => {
  const state = newName();
  const LOAD = ["--load", state, ...TIMEOUT];

  before(async () => {
    const stats = newName();
    const end = ["--save", state, "--stats", stats];
    const { status, stderr } = await run([...BOOT, ...TIMEOUT, ...PROMPT, ...end], { seconds: 320 });
    assert.equal(status, 0, stderr);
    const { instructions, wall_ms: wall, mips, memory_mb: memory, phases, jit } = statsIn(stats);
    assert.ok(
      instructions > 1e8 && wall > 0 && mips > 1,
      `${instructions} instructions, ${wall} ms, ${mips} MIPS`,
    );
    assert.ok(memory >= 256 && memory < 400, `${memory} MB`);
    assert.equal(typeof phases, "object");
    assert.equal(typeof jit, "object");
  });

  test("piped: a command, its output, poweroff, exit 0", async () => {
    const stats = newName();
    const linux = new Run([...LOAD, "--stats", stats], { seconds: 320 });
    linux.send("echo six times seven is $((6 * 7))\n");
    await linux.until("six times seven is 42");
    linux.send("poweroff\n");
    const { status, stderr } = await linux.result;
    assert.equal(status, 0, stderr);
    const { instructions, wall_ms: wall, mips } = statsIn(stats);
    assert.ok(mips < instructions / wall / 1000, "only what ran here counts");
  });

  test("by expectations: commands through --serial-in", async () => {
    const linux = new Run(
      [...LOAD, "--expect", "# ", "--serial-in", "uname -m; echo $((0x2a * 2))\\n", "--expect", "84"],
      { seconds: 320 },
    );
    linux.send("\n"); // for another prompt
    const { status, stdout, stderr } = await linux.result;
    assert.equal(status, 0, stderr);
    assert.match(stdout, /i686/);
  });

  test("typed at the screen", async () => {
    const screen = newName();
    const { status, stderr } = await run(
      [
        ...[...LOAD, "--screen-text", screen, "--expect-screen", "PAGEVM-READY"],
        ...["--type", "echo Screen_$((6*7))\\n", "--expect-screen", "Screen_42"],
      ],
      { seconds: 320 },
    );
    assert.equal(status, 0, `${stderr}\n${fs.existsSync(screen) ? fs.readFileSync(screen, "utf8") : ""}`);
  });
});
