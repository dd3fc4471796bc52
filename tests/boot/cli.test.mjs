// @ts-check
/** The command line by itself, over a double of the machine: options, refusals, exit statuses, streams, results. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import { describe, test } from "node:test";
import { inflateSync } from "node:zlib";
import { DOUBLE, file, hashesIn, newName, Run, run, scratch } from "./lib.mjs";

/** Runs the double's guest. @param {string} orders @param {string[]} args @param {object} [options] */
const play = (orders, args = [], options = {}) =>
  run(["--multiboot", file(orders), ...args], { cli: DOUBLE, seconds: 30, ...options });

/** @param {string} orders @param {string[]} args @param {object} [options] */
const start = (orders, args = [], options = {}) =>
  new Run(["--multiboot", file(orders), ...args], { cli: DOUBLE, seconds: 30, ...options });

describe("refusals: exit 2 and one line that names the thing and the reason", () => {
  const guest = file("off\n");
  const empty = file("");
  /** @type {[string, string[], RegExp][]} */
  const cases = [
    ["nothing to start", [], /nothing to start/],
    ["unknown option", ["--hdz", "x"], /^pagevm: --hdz: unknown option/],
    ["one dash", ["-kernel", "x"], /^pagevm: -kernel: unknown option/],
    ["no option", ["vmlinuz"], /^pagevm: vmlinuz: not an option/],
    ["no value", ["--kernel"], /^pagevm: --kernel: needs a value/],
    ["value for a switch", ["--no-jit=1"], /^pagevm: --no-jit: takes no value/],
    ...["scsi", "serial3", "parallel", "wav", "pcap"].map(
      (name) =>
        /** @type {[string, string[], RegExp]} */ ([
          `${name}, not there yet`,
          ["--multiboot", guest, `--${name}`, "x"],
          new RegExp(`^pagevm: --${name}: not available yet$`),
        ]),
    ),
    ["dump-region", ["--dump-region", "main"], /--dump-region: "main" is not a hexadecimal address$/],
    [
      "dump-region too far",
      ["--dump-region", "1c0000000h"],
      /--dump-region: 1c0000000h has more than 32 bits$/,
    ],
    [
      "display terminal and a port on it",
      ["--multiboot", guest, "--display", "terminal", "--serial", "stdio"],
      /--serial: stdio is the screen's/,
    ],
    ["a drive's file that is not there", ["--hda", "no/such"], /--hda: no\/such: /],
    [
      "no room for a CD",
      ["--hda", "a", "--hdb", "b", "--hdc", "c", "--hdd", "d", "--cdrom", "e"],
      /--cdrom: all four/,
    ],
    [
      "firmware and a kernel",
      ["--multiboot", guest, "--bios", "x"],
      /--bios: a --kernel or --multiboot is started/,
    ],
    ["missing machine file", ["--machine", "/no/such.json"], /--machine: \/no\/such\.json: no such file/],
    ["machine file, not JSON", ["--machine", file("{ memory }")], /--machine: \S+: it is not JSON: /],
    [
      "machine file, wrong type",
      ["--machine", file('{"memory":"64"}')],
      /--machine: \S+: memory is a whole number of megabytes, not "64"$/,
    ],
    [
      "machine file, unknown key",
      ["--machine", file('{"ram":64}')],
      /--machine: \S+: there is no option ram/,
    ],
    [
      "machine file, a URL",
      ["--machine", file('{"hda":"https://there/disk"}')],
      /--machine: \S+: hda: https:\/\/there\/disk is a URL/,
    ],
    [
      "machine file, another size",
      ["--machine", file(`{"hda":{"url":${JSON.stringify(guest)},"size":5000}}`)],
      /--machine: \S+: hda: \S+ is 4 bytes long, not 5000$/,
    ],
    [
      "machine file, a file that is not there",
      ["--machine", file('{"hda":"no-such.img"}')],
      /--hda: \S+\/no-such\.img: no such file/,
    ],
    [
      "write through an empty drive",
      ["--machine", file('{"fda":{"empty":true}}'), "--write-through", "fda"],
      /--write-through: there is no --fda$/,
    ],
    [
      "write through no drive",
      ["--multiboot", guest, "--write-through", "hda"],
      /--write-through: there is no --hda$/,
    ],
    ["boot order", ["--bios", guest, "--boot", "z"], /bios|boot/],
    ["display else", ["--multiboot", guest, "--display", "vnc"], /--display: "vnc" is none of none/],
    ["memory no number", ["--memory", "lots"], /--memory: "lots" is not a whole number$/],
    ["memory negative", ["--memory", "-5"], /--memory: "-5" is not a whole number$/],
    ["memory 0", ["--memory", "0"], /--memory: 0 is less than 1$/],
    ["memory refused by the machine", ["--multiboot", guest, "--memory", "5000"], /memory: 5000 MB is more/],
    ["cpu refused by the machine", ["--multiboot", guest, "--cpu", "z80"], /cpu: no such model/],
    ["timeout", ["--timeout", "soon"], /--timeout: "soon" is not a number of seconds$/],
    ["timeout 0", ["--timeout", "0"], /--timeout: must be more than 0$/],
    ["jit", ["--jit", "maybe"], /--jit: "maybe" is none of on, off, eager$/],
    ["rtc", ["--rtc", "yesterday"], /--rtc: "yesterday" is not a time/],
    ["seed", ["--seed", "x"], /--seed: "x" is not a whole number$/],
    ["hash-at", ["--hash-at", "1,,3"], /--hash-at: "" is not a whole number$/],
    ["max-instructions", ["--max-instructions", "1e9"], /--max-instructions: "1e9" is not a whole number$/],
    ["serial", ["--serial", "tcp:1"], /--serial: "tcp:1" is none of stdio, null, file:F$/],
    ["two ports on stdio", ["--multiboot", guest, "--serial2", "stdio"], /--serial2: stdio is COM1's/],
    ["escape", ["--serial-in", "\\q"], /--serial-in: "\\q" is no escape/],
    ["untypeable", ["--type", "é"], /--type: no key types "é"$/],
    ["empty expectation", ["--expect", ""], /--expect: the text is empty$/],
    [
      "input without its turn",
      ["--multiboot", guest, "--expect", "a", "--type", "b", "--type", "c"],
      /--type: no --expect/,
    ],
    [
      "missing kernel",
      ["--kernel", "/nowhere/vmlinuz"],
      /--kernel: \/nowhere\/vmlinuz: no such file or folder$/,
    ],
    ["empty kernel", ["--kernel", empty], /--kernel: \S+: the file is empty$/],
    ["folder as kernel", ["--kernel", scratch], /--kernel: \S+: is a folder$/],
    ["device as kernel", ["--kernel", "/dev/zero"], /--kernel: \/dev\/zero: is not a file$/],
    ["text as kernel", ["--kernel", guest], /--kernel: \S+: not a Linux kernel$/],
    [
      "missing module",
      ["--multiboot", guest, "--module", "/no/such args"],
      /--module: \/no\/such: no such file/,
    ],
    ["bad state", ["--multiboot", guest, "--load", guest], /--load: \S+: not a saved state$/],
    ["initrd alone", ["--multiboot", guest, "--initrd", guest], /--initrd: needs --kernel$/],
    ["two systems", ["--multiboot", guest, "--kernel", guest], /--multiboot: there is a --kernel already$/],
    [
      "unwritable result",
      ["--multiboot", guest, "--save", "/nowhere/s"],
      /--save: \/nowhere\/s: no such file/,
    ],
    ["folder as result", ["--multiboot", guest, "--stats", scratch], /--stats: \S+: is a folder$/],
    [
      "unwritable serial",
      ["--multiboot", guest, "--serial", "file:/nowhere/s"],
      /--serial: \/nowhere\/s: no such file/,
    ],
  ];
  for (const [name, args, message] of cases) {
    test(name, async () => {
      const { status, stdout, stderr } = await run(args, { cli: DOUBLE });
      assert.equal(status, 2, stderr);
      assert.equal(stdout, "");
      assert.match(stderr, /^pagevm: [^\n]*\n$/);
      assert.match(stderr.trimEnd(), message);
    });
  }

  test("no or another command", () => {
    const none = spawnSync(process.execPath, [DOUBLE], { encoding: "utf8" });
    assert.equal(none.status, 2);
    const other = spawnSync(process.execPath, [DOUBLE, "fly"], { encoding: "utf8" });
    assert.equal(other.status, 2);
    assert.match(other.stderr, /^pagevm: fly: unknown command/);
  });

  test("--help tells every option and exit status", async () => {
    const { status, stdout } = await run(["--help"], { cli: DOUBLE });
    assert.equal(status, 0);
    for (const word of ["--kernel", "--hash-at", "--no-reboot", "--hda", "Exit status"])
      assert.ok(stdout.includes(word));
  });
});

test("a machine's file says what its machine is made of, and options beside it win", async () => {
  file("off\n", "its-guest");
  file("12345", "its module");
  const machine = file(
    JSON.stringify({
      multiboot: "its-guest",
      modules: [{ image: "its module", cmdline: "mod=1" }],
      cmdline: "from=file",
      memory: 5000,
      cdrom: { empty: true },
    }),
    "machine.json",
  );
  const { status, stdout, stderr } = await run(["--machine", machine, "--memory", "64"], { cli: DOUBLE });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^module mod=1 \(5 bytes\)\r?\ncmdline from=file\r?\n$/);
  const other = await run(["--machine", machine, "--memory", "64", "--cmdline", "else"], { cli: DOUBLE });
  assert.match(other.stdout, /^cmdline else\r?$/m);
  const large = await run(["--machine", machine], { cli: DOUBLE });
  assert.match(large.stderr, /memory: 5000 MB is more than 4096/);
});

describe("exit statuses", () => {
  test("power-off is 0", async () => assert.equal((await play("off")).status, 0));
  for (const [value, status] of [
    [0, 1],
    [3, 7],
    [42, 85],
    [127, 255],
    [255, 255],
  ]) {
    // prettier-ignore
    test(`${value} to port F4h is ${status}`, async () => assert.equal((await play(`exit ${value}`)).status, status));
  }
  test("an expectation met is 0, and the machine is stopped", async () => {
    assert.equal((await play("say one\nspin", ["--expect", "one"])).status, 0);
  });
  test("an expectation met just before the end decides", async () => {
    assert.equal((await play("say one\ntriple", ["--expect", "one"])).status, 0);
  });
  test("an expectation unmet at power-off is 6 and named", async () => {
    const { status, stderr } = await play("say one\noff", ["--expect", "one", "--expect", "two"]);
    assert.equal(status, 6);
    assert.equal(stderr, 'pagevm: --expect "two" unmet at power-off\n');
  });
  test("timeout is 4, computing or asleep", async () => {
    for (const order of ["spin", "forever", "idle 100000"]) {
      const { status, stderr } = await play(order, ["--timeout", "0.5", "--expect", "x"]);
      assert.equal(status, 4);
      assert.equal(stderr, 'pagevm: timeout after 0.5 s, --expect "x" unmet\n');
    }
  });
  test("triple fault and reset are 8", async () => {
    for (const order of ["triple", "reset"]) assert.equal((await play(order)).status, 8);
  });
  test("halted for ever is 10", async () => assert.equal((await play("halt")).status, 10));
  test("a fault of ours is 12, with what the guest said before, and the statistics", async () => {
    const { status, stdout, stderr } = await play("say before\ntrap", ["--stats", "-"]);
    assert.equal(status, 12);
    assert.equal(stdout, "before\n");
    assert.match(stderr, /^pagevm: internal error: unreachable\n/);
    assert.match(stderr, /"instructions": 1000/);
  });
  test("the instruction limit is 0, or 6 with an expectation unmet", async () => {
    assert.equal((await play("say a\nsay b\nspin", ["--max-instructions", "2000"])).status, 0);
    assert.equal((await play("say a\nspin", ["--max-instructions", "1000", "--expect", "b"])).status, 6);
  });
  test("SIGTERM is 4, with the results written", async () => {
    const [stats, state] = [newName(), newName()];
    const guest = start("say up\nforever", ["--stats", stats, "--save", state]);
    await guest.until("up");
    guest.process.kill("SIGTERM");
    const { status, stderr } = await guest.result;
    assert.equal(status, 4);
    assert.equal(stderr, "pagevm: ended by SIGTERM\n");
    assert.equal(JSON.parse(fs.readFileSync(stats, "utf8")).instructions, 1000);
    assert.equal(fs.readFileSync(state, "utf8"), "state 1");
  });
});

describe("expectations and inputs", () => {
  test("are met in order, each input in step", async () => {
    const { status, stdout } = await play("say a\nline\nsay b\nline\nspin", [
      ...["--expect", "a", "--serial-in", "first\\n", "--expect", "b", "--serial-in", "sec\\x6fnd\\n"],
      ...["--expect", "[second]"],
    ]);
    assert.equal(status, 0);
    assert.equal(stdout, "a\n[first]\nb\n[second]\n");
  });
  test("a text is not met twice by one occurrence, and may cross slices", async () => {
    const { status } = await play("say x\nidle 30\nsay x\noff", ["--expect", "x", "--expect", "x"]);
    assert.equal(status, 0);
    assert.equal((await play("say x\noff", ["--expect", "x", "--expect", "x"])).status, 6);
  });
  test("text beyond ASCII is compared as UTF-8 and sent as UTF-8", async () => {
    const { status, stdout } = await play("line\noff", ["--serial-in", "grün\\n"]);
    assert.equal(status, 0);
    assert.equal(Buffer.from(stdout, "latin1").toString(), "[grün]\n");
  });
  test("keys are typed, Shift held where it must be", async () => {
    const orders = "say type\nkey ShiftLeft\nkey KeyA\nkey Digit1\nkey Enter\nsay typed\nspin";
    const { status } = await play(orders, ["--expect", "type", "--type", "A1\\n", "--expect", "typed"]);
    assert.equal(status, 0);
  });
  test("the screen is waited for, in the same order as COM1", async () => {
    const orders = "say one\nscreen A:\\>\nsay two\nspin";
    const args = ["--expect", "one", "--expect-screen", "A:\\>", "--expect", "two"];
    assert.equal((await play(orders, args)).status, 0);
  });
  test("COM1 and the keyboard in one step", async () => {
    const orders = "say go\nkey KeyQ\nline\nspin";
    const args = ["--expect", "go", "--type", "q", "--serial-in", "s\\n", "--expect", "[s]"];
    assert.equal((await play(orders, args)).status, 0);
  });
});

describe("streams", () => {
  test("a pipe's bytes reach COM1, and its end is only the end of input", async () => {
    const guest = start("line\nidle 50\nline\noff", []);
    guest.process.stdin?.end("one\ntwo\n");
    const { status, stdout } = await guest.result;
    assert.equal(status, 0);
    assert.equal(stdout, "[one]\n[two]\n");
  });
  test("no byte of a large pipe is lost", async () => {
    const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * 7919) >>> 5));
    const sum = bytes.reduce((sum, byte) => (Math.imul(sum, 31) + byte) >>> 0, 0);
    const guest = start(`idle 100\nswallow ${bytes.length}\noff`);
    guest.process.stdin?.end(bytes);
    const { status, stdout } = await guest.result;
    assert.equal(status, 0);
    assert.equal(stdout, `sum ${sum}\n`);
  });
  test("an idle machine takes input at once", async () => {
    const guest = start("say up\nline\noff");
    await guest.until("up");
    await new Promise((resolve) => setTimeout(resolve, 100));
    const sent = performance.now();
    guest.send("x\n");
    await guest.until("[x]");
    assert.ok(performance.now() - sent < 100, `${performance.now() - sent} ms`);
    assert.equal((await guest.result).status, 0);
  });
  test("an idle machine takes no processor time", async () => {
    const guest = start("say up\nforever");
    await guest.until("up");
    const ticks = () => {
      const fields =
        fs.readFileSync(`/proc/${guest.process.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      return Number(fields[11]) + Number(fields[12]); // utime + stime, 10 ms each
    };
    await new Promise((resolve) => setTimeout(resolve, 200));
    const before = ticks();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.ok(ticks() - before <= 5, `${ticks() - before} ticks`);
    guest.process.kill("SIGTERM");
    await guest.result;
  });
  test("all output is there at the end, however slow its reader", async () => {
    const orders = `${"flood 1000000\n".repeat(8)}say end\nexit 1`;
    const args = [DOUBLE, "run", "--multiboot", file(orders)];
    const shell = `"$@" | { sleep 1; wc -c; }; echo "\${PIPESTATUS[0]}"`;
    const { stdout } = spawnSync("bash", ["-c", shell, "bash", process.execPath, ...args], {
      encoding: "utf8",
    });
    assert.equal(stdout, "8000004\n3\n");
  });
  test("a reader that goes away ends the run, with 4", async () => {
    const args = [DOUBLE, "run", "--multiboot", file("flood 1000000\nspin")];
    const shell = `"$@" | head -c 5; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = spawnSync("bash", ["-c", shell, "bash", process.execPath, ...args], {
      encoding: "utf8",
    });
    assert.equal(stdout, "012344\n");
    assert.equal(stderr, "");
  });
  test("a reader that takes nothing cannot outlast --timeout for long", async () => {
    const guest = spawn(process.execPath, [
      DOUBLE,
      "run",
      "--timeout",
      "1",
      "--multiboot",
      file("flood 9600000\nspin"),
    ]);
    const code = await new Promise((resolve) => guest.on("exit", resolve));
    assert.equal(code, 4);
  });
  test("COM2, the debug port and files", async () => {
    const [one, two, debug] = [newName(), newName(), newName()];
    const orders = "say one\nsay2 two\ndebug three\noff";
    const files = await play(orders, [
      "--serial",
      `file:${one}`,
      "--serial2",
      `file:${two}`,
      "--debugcon",
      `file:${debug}`,
    ]);
    assert.deepEqual([files.stdout, files.stderr], ["", ""]);
    assert.deepEqual([one, two, debug].map((name) => fs.readFileSync(name, "utf8")), ["one\n", "two\n", "three\n"]); // prettier-ignore
    const plain = await play(orders);
    assert.deepEqual([plain.stdout, plain.stderr], ["one\n", "three\n"]);
    const swapped = await play(orders, ["--serial", "null", "--serial2", "stdio", "--debugcon", "stdio"]);
    assert.deepEqual([swapped.stdout, swapped.stderr], ["two\nthree\n", ""]);
  });

  describe(
    "a terminal",
    { skip: spawnSync("script", ["--version"]).error ? "there is no script(1)" : false },
    () => {
      /** Runs the command line on a pseudo-terminal, between two looks at the terminal's modes. @param {string} orders */
      const onTerminal = (orders) => {
        const command = `stty -g; "${process.execPath}" "${DOUBLE}" run --multiboot "${file(orders)}"; echo "status $?"; stty -g`;
        return spawn("script", ["-qec", command, "/dev/null"], {
          env: { ...process.env, SHELL: "/bin/bash" },
        });
      };
      /** @param {import("node:child_process").ChildProcessWithoutNullStreams} shell @param {(output: string) => void} heard */
      const whole = (shell, heard) => {
        let output = "";
        shell.stdout.on("data", (bytes) => heard((output += bytes)));
        return new Promise((resolve) => shell.on("close", () => resolve(output)));
      };
      /** @param {string} output */
      const modes = (output) => output.match(/^[0-9a-f]+(:[0-9a-f]+){10,}/gm) ?? [];

      test("is raw: Ctrl-C is the guest's, Ctrl-A x quits, and it is restored", async () => {
        const shell = onTerminal("say up\nline\nforever");
        let [typed, quit] = [false, false];
        const output = await whole(shell, (soFar) => {
          if (!typed && soFar.includes("up")) typed = shell.stdin.write("a\x03\x01\x01b\n") || true;
          if (!quit && soFar.includes("[a\x03\x01b]")) quit = shell.stdin.write("\x01x") || true;
        });
        assert.match(output, /Ctrl-A x quits/);
        assert.match(output, /status 0/);
        assert.equal(modes(output).length, 2, output);
        assert.equal(modes(output)[0], modes(output)[1]);
      });
      for (const [order, status] of [
        ["trap", 12],
        ["exit 1", 3],
        ["off", 0],
      ]) {
        // prettier-ignore
        test(`is restored after ${order}`, async () => {
        const output = await whole(onTerminal(`say up\nidle 50\n${order}`), () => {});
        assert.match(output, new RegExp(`status ${status}`));
        assert.equal(modes(output)[0], modes(output)[1]);
      });
      }
      test("is restored after a signal", async () => {
        const shell = onTerminal("say up\nforever");
        let sent = false;
        const output = await whole(shell, (soFar) => {
          if (sent || !soFar.includes("up")) return;
          sent = true;
          spawnSync("bash", [
            "-c",
            `for p in $(ps -o pid= --ppid ${shell.pid}); do kill $(ps -o pid= --ppid $p); done`,
          ]);
        });
        assert.match(output, /status 4/);
        assert.equal(modes(output)[0], modes(output)[1]);
      });
    },
  );
});

describe("what the machine is given, and results", () => {
  /** @param {string[]} args */
  const stats = async (args) => {
    const name = newName();
    const { status, stderr } = await play("say a\noff", [...args, "--stats", name]);
    assert.equal(status, 0, stderr);
    return JSON.parse(fs.readFileSync(name, "utf8"));
  };
  test("defaults", async () => {
    const all = await stats([]);
    assert.equal(all.memory_mb, 256);
    assert.equal(all.options.clock, "real");
    assert.equal(all.options.reboot, false);
    assert.equal(all.options.jit, true);
    assert.ok(Math.abs(all.options.rtc - Date.now() / 1000) < 60);
    assert.equal(Object.keys(all.options.entropy).length, 32);
    assert.equal(all.state_hash, undefined);
    for (const key of ["instructions", "wall_ms", "mips", "phases", "jit", "peak_rss_bytes"])
      assert.ok(key in all, key);
  });
  test("a seed takes the place of the host's random bytes, also in real time", async () => {
    const { options } = await stats(["--seed", "7"]);
    assert.deepEqual([options.clock, options.seed, options.entropy], ["real", 7, undefined]);
  });
  test("options reach the machine", async () => {
    const args = [
      "--deterministic",
      "--memory=64",
      "--seed",
      "7",
      "--rtc",
      "2001-02-03T04:05:06",
      "--jit",
      "eager",
      "--jit-without=group_checks",
    ];
    const all = await stats([...args, "--reboot", "--code-cache", "1000000", "--cpu", "p3"]);
    const { entropy, state_hash: hash } = { ...all, ...all.options };
    assert.equal(all.memory_mb, 64);
    assert.deepEqual(
      [
        all.options.clock,
        all.options.seed,
        all.options.rtc,
        all.options.jit,
        all.options.codeCache,
        all.options.cpu,
      ],
      ["counted", 7, 981173106, "eager", 1_000_000, "p3"],
    );
    assert.equal(all.options.reboot, true);
    assert.equal(all.options.jitWithout, "group_checks");
    assert.equal(entropy, undefined);
    assert.match(hash, /^[0-9a-f]+$/);
  });
  test("a region is dumped to stderr, however its address is written", async () => {
    for (const address of ["c0101000", "0xC0101000", "c0101000h"]) {
      const { status, stderr } = await play("off", ["--dump-region", address]);
      assert.equal(status, 0);
      assert.match(stderr, /^region at c0101000$/m);
    }
  });
  test("a module's line and bytes, and the command line", async () => {
    const module = file("12345");
    const args = ["--module", `${module} a b`, "--module", module, "--cmdline", "--x y"];
    const { stdout } = await play("off", args);
    assert.equal(stdout, `module ${module} a b (5 bytes)\nmodule ${module} (5 bytes)\ncmdline --x y\n`);
  });
  test("hashes go to stderr, also those just before the end", async () => {
    const { stderr } = await play("say a\nsay b\noff", ["--deterministic", "--hash-at", "1000,2000,9000"]);
    assert.deepEqual(Object.keys(hashesIn(stderr)), ["1000", "2000"]);
  });
  test("save, load", async () => {
    const state = newName();
    const orders = "say a\nsay b\nsay c\noff";
    await play(orders, ["--max-instructions", "1000", "--save", state]);
    const { status, stdout } = await play(orders, ["--load", state]);
    assert.equal(status, 0);
    assert.equal(stdout, "b\nc\n");
  });
  test("screen text and a screenshot that is a PNG", async () => {
    const [text, png] = [newName(), newName(".png")];
    await play("screen hello\noff", ["--screen-text", text, "--screenshot", png]);
    assert.match(fs.readFileSync(text, "utf8"), /^hello\n/);
    const bytes = fs.readFileSync(png);
    assert.equal(bytes.toString("latin1", 1, 4), "PNG");
    assert.deepEqual([bytes.readUInt32BE(16), bytes.readUInt32BE(20)], [3, 2]);
    const length = bytes.readUInt32BE(33);
    assert.equal(bytes.toString("latin1", 37, 41), "IDAT");
    const rows = inflateSync(bytes.subarray(41, 41 + length));
    assert.deepEqual(
      [...rows],
      [0, 0, 10, 20, 40, 50, 60, 80, 90, 100, 0, 120, 130, 140, 160, 170, 180, 200, 210, 220],
    );
    assert.equal(bytes.readUInt32BE(bytes.length - 4), 0xae426082); // the checksum every IEND has
  });
});
