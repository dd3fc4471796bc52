// @ts-check
/** An unmodified Debian kernel: to the shell, a command over the serial line, switched off. */
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, test } from "node:test";
import { CMDLINE, INITRD, KERNEL, newName, noLinux, Run, run } from "./lib.mjs";

const BOOT = ["--kernel", KERNEL, "--initrd", INITRD, "--cmdline", CMDLINE, "--timeout", "300"];

describe("linux32", { skip: noLinux }, () => {
  test("piped: to the shell, a command, its output, poweroff, exit 0", async () => {
    const stats = newName();
    const linux = new Run([...BOOT, "--stats", stats], { seconds: 320 });
    await linux.until("PAGEVM-READY");
    await linux.until("# ");
    linux.send("echo six times seven is $((6 * 7))\n");
    await linux.until("six times seven is 42");
    linux.send("poweroff\n");
    const { status, stderr } = await linux.result;
    assert.equal(status, 0, stderr);
    const {
      instructions,
      wall_ms: wall,
      mips,
      memory_mb: memory,
      phases,
      jit,
    } = JSON.parse(fs.readFileSync(stats, "utf8"));
    assert.ok(
      instructions > 1e8 && wall > 0 && mips > 1,
      `${instructions} instructions, ${wall} ms, ${mips} MIPS`,
    );
    assert.ok(memory >= 256 && memory < 400, `${memory} MB`);
    assert.equal(typeof phases, "object");
    assert.equal(typeof jit, "object");
  });

  test("by expectations: a command through --serial-in", async () => {
    const { status, stdout, stderr } = await run(
      [
        ...[...BOOT, "--expect", "PAGEVM-READY", "--serial-in", "\\n", "--expect", "# "],
        ...["--serial-in", "uname -m; echo $((0x2a * 2))\\n"],
        ...["--expect", "84"],
      ],
      { seconds: 320 },
    );
    assert.equal(status, 0, stderr);
    assert.match(stdout, /i686/);
  });

  test("typed at the screen", async () => {
    const screen = newName();
    const { status, stderr } = await run(
      [
        ...[...BOOT, "--cmdline", `${CMDLINE} console=tty0`, "--screen-text", screen],
        ...[
          "--expect-screen",
          "PAGEVM-READY",
          "--type",
          "echo Screen_$((6*7))\\n",
          "--expect-screen",
          "Screen_42",
        ],
      ],
      { seconds: 320 },
    );
    assert.equal(status, 0, `${stderr}\n${fs.existsSync(screen) ? fs.readFileSync(screen, "utf8") : ""}`);
  });
});
