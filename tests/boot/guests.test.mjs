// @ts-check
/** Tiny guests, and input that is none: each ends as the header of its source says, none hangs. */
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, test } from "node:test";
import { file, guest, INITRD, KERNEL, newName, noLinux, noMachine, Run, run } from "./lib.mjs";

/** @param {string} name @param {string[]} [defines] @param {string[]} [args] */
const play = (name, defines = [], args = []) =>
  run(["--multiboot", guest(name, ...defines), "--timeout", "20", ...args], { seconds: 40 });

describe("guests that end by themselves", { skip: noMachine }, () => {
  for (const [value, status] of [
    [0, 1],
    [3, 7],
    [42, 85],
    [127, 255],
  ]) {
    // prettier-ignore
    test(`writing ${value} to port F4h is exit status ${status}`, async () => {
      const result = await play("exit", [`VALUE=${value}`]);
      assert.deepEqual(result, { status, stdout: "up\n", stderr: "" });
    });
  }

  test("16-bit code in segments adds up, and its faults are counted", async () => {
    const { status, stdout } = await play("segments");
    assert.equal(stdout, "up\nfaults=000005DC\nsum=B2FB746B\nwraps=2EE02EE0\n");
    assert.equal(status, 1);
  });

  for (const jit of ["on", "off", "eager"]) {
    test(`system management mode, with --jit ${jit}`, async () => {
      const { status, stdout, stderr } = await play("smm", [], ["--jit", jit]);
      const fields = ["base=000A0000", "front=07410742", "ebx=0000FA60", "behind=12345678"];
      const locked = ["closed=07410742", "locked=07410742", "still=12345678", "undefined"];
      assert.equal(stdout, ["up", ...fields, ...locked, ""].join("\n"), stderr);
      assert.equal(status, 1);
    });
  }

  for (const jit of ["on", "eager"]) {
    test(`x87 exceptions by interrupt, with --jit ${jit}`, async () => {
      const { status, stdout, stderr } = await play("ferr", [], ["--jit", jit]);
      const byInterrupt = ["interrupts=00001F40", "exceptions=00000000", "seen=00000004", "went on=00001F40"];
      const byException = ["exceptions=00000001", "interrupts=00001F40"];
      assert.equal(stdout, ["up", ...byInterrupt, ...byException, ""].join("\n"), stderr);
      assert.equal(status, 1);
    });
  }

  test("timers faster than the host leave the guest its time", async () => {
    assert.deepEqual(await play("storm"), { status: 1, stdout: "up\n", stderr: "" });
  });

  test("a flood on the serial port arrives whole", async () => {
    const { status, stdout } = await play("flood", ["MEGABYTES=1"]);
    assert.equal(status, 1);
    const lines = stdout.split("\n");
    assert.equal(lines.length, 16_384 + 2);
    assert.ok(
      lines.slice(0, -2).every((line, at) => parseInt(line.slice(0, 8), 16) === at && line.length === 63),
    );
    assert.equal(lines.at(-2), "flooded");
  });

  test("a triple fault is 8", async () => {
    const { status, stdout, stderr } = await play("triple");
    assert.equal(status, 8, stderr);
    assert.equal(stdout, "up\n");
    assert.match(stderr, /^pagevm: [^\n]*triple fault[^\n]*\n$/);
  });

  test("with --reboot a triple fault starts the guest again", async () => {
    const { status, stderr } = await play(
      "triple",
      [],
      ["--reboot", "--expect", "up", "--expect", "up", "--expect", "up"],
    );
    assert.equal(status, 0, stderr);
  });

  test("a jump to nowhere is 8 without a handler, and #UD with one", async () => {
    assert.equal((await play("nowhere")).status, 8);
    const { status, stdout } = await play("nowhere", ["HANDLED"]);
    assert.equal(stdout, "up\neip=D0000000\n");
    assert.equal(status, 13);
  });

  test("HLT with interrupts off is 10", async () => {
    const { status, stdout, stderr } = await play("halt");
    assert.equal(status, 10, stderr);
    assert.equal(stdout, "up\n");
    assert.match(stderr, /^pagevm: [^\n]*halted[^\n]*\n$/);
  });

  test("HLT with interrupts on and none to come idles until the timeout, 4", async () => {
    const stats = newName();
    const { status } = await play("halt", ["STI"], ["--timeout", "2", "--stats", stats]);
    assert.equal(status, 4);
    const { wall_ms: wall } = JSON.parse(fs.readFileSync(stats, "utf8"));
    assert.ok(wall < 200, `${wall} ms in the machine`);
  });

  test("timer interrupts come, halted or not", async () => {
    for (const defines of [[], ["BUSY"]]) {
      const { status, stdout, stderr } = await play("ticks", defines);
      assert.equal(status, 1, stderr);
      assert.match(stdout, /^up\n(tsc=[0-9A-F]{8}\n){5}$/);
    }
  });
});

describe("what a multiboot guest is told", { skip: noMachine }, () => {
  test("memory, command line, modules, memory map", async () => {
    const [first, second] = [file("abc12345\n"), file("x".repeat(5000))];
    const args = [
      "--memory",
      "64",
      "--cmdline",
      "hello world",
      "--module",
      `${first} a b`,
      "--module",
      second,
    ];
    const { status, stdout, stderr } = await play("mbinfo", [], args);
    assert.equal(status, 1, stderr);
    const value = (/** @type {string} */ name) =>
      parseInt(new RegExp(`^${name}=(\\w+)$`, "m").exec(stdout)?.[1] ?? "", 16);
    assert.equal(value("magic"), 0x2badb002);
    assert.equal(value("flags") & 0b1001101, 0b1001101);
    assert.ok(value("lower") >= 600 && value("lower") <= 640, stdout);
    assert.ok(value("upper") >= 62 * 1024 && value("upper") <= 63 * 1024, stdout);
    assert.match(stdout, /^cmdline: (.* )?hello world$/m);
    const modules = [...stdout.matchAll(/^module: (.*)\noffset=(\w+)\nfirst=(\w+)\nlength=(\w+)$/gm)];
    assert.deepEqual(
      modules.map((match) => match.slice(1)),
      [
        [`${first} a b`, "00000000", "31636261", "00000009"],
        [second, "00000000", "78787878", "00001388"],
      ],
    );
    const map = [...stdout.matchAll(/^map: (\w{16}) (\w{16}) (\w{8})$/gm)].map(([, base, length, type]) => ({
      base: parseInt(base ?? "", 16),
      end: parseInt(base ?? "", 16) + parseInt(length ?? "", 16),
      type: parseInt(type ?? "", 16),
    }));
    const ram = map.filter(({ type }) => type === 1);
    assert.ok(
      ram.some(({ base, end }) => base === 0 && end <= 0xa0000 && end >= 0x90000),
      stdout,
    );
    assert.ok(
      ram.some(({ base, end }) => base === 0x100000 && end > 62 << 20 && end <= 64 << 20),
      stdout,
    );
  });
});

describe("input", { skip: noMachine }, () => {
  test("reaches COM1 after an expectation", async () => {
    const { status, stdout } = await play(
      "sum",
      [],
      ["--expect", "up\n", "--serial-in", "hello", "--expect", "sum=05E918D2"],
    );
    assert.equal(status, 0, stdout);
  });

  test("through a pipe larger than any queue, no byte is lost", async () => {
    const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7919) >>> 5));
    const sum = bytes.reduce((sum, byte) => (Math.imul(sum, 31) + byte) >>> 0, 0);
    const taker = new Run(["--multiboot", guest("sum", `COUNT=${bytes.length}`), "--timeout", "60"]);
    await taker.until("up\n");
    taker.process.stdin?.end(bytes);
    const { status, stdout } = await taker.result;
    assert.equal(stdout, `up\nsum=${sum.toString(16).toUpperCase().padStart(8, "0")}\n`);
    assert.equal(status, 1);
  });

  test("reaches the keyboard, Shift held where it must be", async () => {
    const { status, stdout, stderr } = await play(
      "keys",
      [],
      ["--expect", "up\n", "--type", "aB\\n", "--expect", "0000001C"],
    );
    assert.equal(status, 0, stderr);
    const codes = [...stdout.matchAll(/^key=000000(\w\w)$/gm)].map((match) => match[1]);
    assert.deepEqual(codes, ["1E", "9E", "2A", "30", "B0", "AA", "1C"]);
  });
});

describe("the text screen", { skip: noMachine }, () => {
  test("is waited for, written down and photographed", async () => {
    const [text, png] = [newName(), newName(".png")];
    const args = ["--expect-screen", "PageVM text screen", "--screen-text", text, "--screenshot", png];
    const { status, stderr } = await play("screen", [], args);
    assert.equal(status, 0, stderr);
    assert.match(fs.readFileSync(text, "utf8"), /^PageVM text screen *\n/);
    const picture = fs.readFileSync(png);
    assert.equal(picture.toString("latin1", 1, 4), "PNG");
    assert.ok([640, 720].includes(picture.readUInt32BE(16)), `${picture.readUInt32BE(16)} pixels wide`);
    assert.equal(picture.readUInt32BE(20), 400);
  });
});

describe("images that are none: exit 2 and one line", { skip: noMachine }, () => {
  const empty = file("");
  const text = file("This is a text, not a kernel.\n".repeat(1000));
  const short = file("ab");
  /** @type {[string, string[]][]} */
  const cases = [
    ["an empty kernel", ["--kernel", empty]],
    ["a kernel of two bytes", ["--kernel", short]],
    ["a text as kernel", ["--kernel", text]],
    ["a missing kernel", ["--kernel", "/nowhere/vmlinuz"]],
    ["an empty multiboot image", ["--multiboot", empty]],
    ["a multiboot image of two bytes", ["--multiboot", short]],
    ["a text as multiboot image", ["--multiboot", text]],
    ["a text as saved state", ["--multiboot", guest("exit"), "--load", text]],
    ["an empty saved state", ["--multiboot", guest("exit"), "--load", empty]],
    ["more memory than there can be", ["--multiboot", guest("exit"), "--memory", "1000000"]],
    ["a processor nobody made", ["--multiboot", guest("exit"), "--cpu", "no-such-model"]],
  ];
  for (const [name, args] of cases) {
    test(name, async () => {
      const { status, stdout, stderr } = await run([...args, "--timeout", "20"]);
      assert.equal(status, 2, stderr);
      assert.equal(stdout, "");
      assert.match(stderr, /^pagevm: [^\n]+\n$/);
    });
  }

  test("a multiboot image that lies about its addresses", async () => {
    const image = fs.readFileSync(guest("exit"));
    const lie = (/** @type {number} */ offset, /** @type {number} */ value) => {
      const copy = Buffer.from(image);
      copy.writeUInt32LE(value >>> 0, offset);
      return file(copy);
    };
    for (const [offset, value] of [
      [16, 0xf0000000],
      [20, 0x200000],
      [24, 0x10],
    ]) {
      // prettier-ignore
      // header address below the image, load end beyond the memory, bss end before the load end: refused or harmless
      const { status, stderr } = await run(["--multiboot", lie(/** @type {number} */ (offset), /** @type {number} */ (value)), "--timeout", "5"]); // prettier-ignore
      assert.ok([1, 2, 8, 10].includes(/** @type {number} */ (status)), `${status} ${stderr}`);
    }
  });

  describe("made of Linux", { skip: noLinux }, () => {
    test("truncated kernels", async () => {
      const kernel = fs.readFileSync(KERNEL);
      for (const length of [512, 0x260, 0x4000, 1 << 20, kernel.length - 4096]) {
        const cut = file(kernel.subarray(0, length));
        const { status, stderr } = await run(["--kernel", cut, "--timeout", "20"]);
        assert.equal(status, 2, `${length} bytes: ${stderr}`);
        assert.match(stderr, /^pagevm: [^\n]+\n$/);
      }
    });
    test("an initrd larger than memory", async () => {
      const large = newName();
      fs.closeSync(fs.openSync(large, "w"));
      fs.truncateSync(large, 100 << 20);
      const { status, stderr } = await run([
        "--kernel",
        KERNEL,
        "--initrd",
        large,
        "--memory",
        "64",
        "--timeout",
        "20",
      ]);
      assert.equal(status, 2, stderr);
      assert.match(stderr, /^pagevm: [^\n]*initrd[^\n]*\n$/);
    });
    test("an empty and a missing initrd", async () => {
      for (const name of [empty, "/nowhere/initrd"]) {
        const { status, stderr } = await run(["--kernel", KERNEL, "--initrd", name, "--timeout", "20"]);
        assert.equal(status, 2, stderr);
        assert.match(stderr, /^pagevm: --initrd: [^\n]+\n$/);
      }
    });
    test("too little memory for the kernel", async () => {
      const { status, stderr } = await run([
        "--kernel",
        KERNEL,
        "--initrd",
        INITRD,
        "--memory",
        "4",
        "--timeout",
        "20",
      ]);
      assert.equal(status, 2, stderr);
    });
  });
});
