// @ts-check
/** From power-on: SeaBIOS finds the drives, and what is on them starts. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import zlib from "node:zlib";
import { file, newName, noMachine, ROOT, run } from "./lib.mjs";

const FREEDOS = path.join(ROOT, "tests/boot/freedos");

/** A copy of one of the floppies. @param {string} name */
const floppy = (name) => file(zlib.gunzipSync(fs.readFileSync(path.join(FREEDOS, `${name}.img.gz`))));

/** @param {string[]} args @param {number} [seconds] */
const play = (args, seconds = 120) =>
  run(["--memory", "32", "--debugcon", "null", "--timeout", `${seconds}`, ...args], {
    seconds: seconds + 20,
  });

/** Waits for the prompt, types lines, and waits for a text after each. @param {...[string, string]} steps */
const typed = (...steps) =>
  steps.flatMap(([text, then]) => ["--type", `${text}\\n`, "--expect-screen", then]);

describe("FreeDOS from a floppy", { skip: noMachine }, () => {
  for (const name of ["freedos722", "fdos-cc-1440"]) {
    test(`${name} comes to its prompt and lists its files`, async () => {
      const { status, stderr } = await play([
        ...["--fda", floppy(name), "--expect-screen", "A:\\>"],
        ...typed(["dir", "bytes free"]),
      ]);
      assert.equal(status, 0, stderr);
    });
  }

  test("what the guest writes stays in the machine, unless the file may be changed", async () => {
    const image = floppy("freedos722");
    const before = fs.readFileSync(image);
    // What is looked for must not be what was typed.
    const write = [
      ...["--expect-screen", "A:\\>"],
      ...typed(["echo kept-67> kept.txt", "A:\\>"], ["dir kept.txt", "1 file(s)"]),
    ];
    const read = ["--expect-screen", "A:\\>", ...typed(["type kept.txt", "kept-67"])];
    assert.equal((await play(["--fda", image, ...write])).status, 0);
    assert.ok(before.equals(fs.readFileSync(image)), "the file is not changed");
    assert.equal((await play(["--fda", image, "--write-through", "fda", ...write])).status, 0);
    assert.ok(!before.equals(fs.readFileSync(image)), "now it is");
    const { status, stderr } = await play(["--fda", image, ...read]);
    assert.equal(status, 0, stderr);
  });

  test("counted runs are the same, and go on from a saved state in the middle of it", async () => {
    const image = floppy("freedos722");
    const counts = [20_000_000, 60_000_000];
    const args = [
      "--fda",
      image,
      "--deterministic",
      "--hash-at",
      counts.join(),
      "--max-instructions",
      "60000000",
    ];
    const hashes = (/** @type {string} */ text) =>
      [...text.matchAll(/^HASH (\d+ [0-9a-f]+)$/gm)].map((m) => m[1]);
    const first = hashes((await play(args)).stderr);
    assert.equal(first.length, 2);
    assert.deepEqual(hashes((await play([...args, "--no-jit"])).stderr), first);
    const state = newName();
    await play(["--fda", image, "--deterministic", "--max-instructions", "20000000", "--save", state]);
    const resumed = await play([...args, "--load", state]);
    assert.deepEqual(hashes(resumed.stderr).slice(-1), first.slice(-1), resumed.stderr);
  });
});

/** Images of Debian's packages, and what they come to. @type {[string, string, string[]][]} */
const PACKAGED = [
  ["cdrom", "/usr/lib/grub-rescue/grub-rescue-cdrom.iso", ["--expect-screen", "GNU GRUB"]],
  ["fda", "/usr/lib/grub-rescue/grub-rescue-floppy.img", ["--expect-screen", "GNU GRUB"]],
  [
    "cdrom",
    "/usr/lib/ipxe/ipxe.iso",
    ["--expect-screen", "Ctrl-B", "--type", "\\x02", "--expect-screen", "iPXE>"],
  ],
];

describe("boot loaders of Debian's packages", { skip: noMachine }, () => {
  for (const [drive, image, steps] of PACKAGED) {
    const skip = fs.existsSync(image) ? false : `${image} is not installed`;
    test(`${path.basename(image)} comes to its prompt`, { skip }, async () => {
      const { status, stderr } = await play(["--memory", "128", `--${drive}`, image, ...steps]);
      assert.equal(status, 0, stderr);
    });
  }
});

const INSTALLER = "/usr/lib/debian-installer/images/12/i386/text/debian-installer/i386";
const ISOLINUX = ["/usr/lib/ISOLINUX/isolinux.bin", "/usr/lib/syslinux/modules/bios/ldlinux.c32"];
const noInstaller = [INSTALLER, ...ISOLINUX].every((name) => fs.existsSync(name))
  ? false
  : "debian-installer-12-netboot-i386, isolinux or syslinux-common is not installed";

/** A CD of the installer, as isolinux starts it. @returns {string} the image's name */
function installerCd() {
  const root = newName();
  const image = newName();
  fs.mkdirSync(path.join(root, "isolinux"), { recursive: true });
  for (const name of ["linux", "initrd.gz"])
    fs.copyFileSync(path.join(INSTALLER, name), path.join(root, name));
  for (const name of ISOLINUX) fs.copyFileSync(name, path.join(root, "isolinux", path.basename(name)));
  const config = [
    ...["SERIAL 0 9600", "PROMPT 1", "TIMEOUT 600", "DEFAULT nothing", "LABEL text"],
    ...["KERNEL /linux", "APPEND initrd=/initrd.gz console=ttyS0", ""],
  ];
  fs.writeFileSync(path.join(root, "isolinux/isolinux.cfg"), config.join("\n"));
  execFileSync(
    "xorriso",
    [
      ...["-as", "mkisofs", "-quiet", "-o", image, "-b", "isolinux/isolinux.bin", "-c", "isolinux/boot.cat"],
      ...["-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", root],
    ],
    { stdio: "ignore" },
  );
  return image;
}

describe("Debian's installer", { skip: noMachine || noInstaller }, () => {
  const menu = ["--memory", "512", "--expect", "Select a language"];

  test("its kernel and initial RAM disk come to the language menu on serial", async () => {
    const [kernel, initrd] = ["linux", "initrd.gz"].map((name) => path.join(INSTALLER, name));
    const args = ["--kernel", kernel, "--initrd", initrd, "--cmdline", "console=ttyS0", ...menu];
    const { status, stderr } = await play(args, 300);
    assert.equal(status, 0, stderr);
  });

  test("so does a CD of them, through isolinux", async () => {
    const boot = ["--cdrom", installerCd(), "--expect", "boot:", "--serial-in", "text\\n"];
    const { status, stderr } = await play([...boot, ...menu], 300);
    assert.equal(status, 0, stderr);
  });
});

const DEBIAN32 = path.join(ROOT, "images/debian32/out/disk.img");
const noDebian = fs.existsSync(DEBIAN32)
  ? false
  : "images/debian32 is made on demand: ./build.sh image debian32";

describe("Debian from its own disk", { skip: noMachine || noDebian }, () => {
  test("runs Python and gcc, and keeps what it wrote over a reset", async () => {
    const { status, stderr } = await run(
      [
        ...["--memory", "256", "--hda", DEBIAN32, "--debugcon", "null", "--timeout", "900", "--reboot"],
        ...["--expect", "PAGEVM-READY", "--serial-in", 'python3 -c "print(sum(range(1000)))"\\n'],
        ...["--expect", "499500", "--serial-in"],
        `printf '#include <stdio.h>\\\\nint main(){puts("gcc " "works");}\\\\n' > a.c; gcc a.c; ./a.out\\n`,
        ...["--expect", "gcc works", "--serial-in"],
        'dd if=/dev/urandom of=big bs=1M count=64 2>/dev/null; md5sum big > sum; sync; echo WR""OTE\\n',
        ...["--expect", "WROTE", "--serial-in", "reboot -f\\n", "--expect", "SYSLINUX", "--serial-in", "\\n"],
        ...["--expect", "PAGEVM-READY", "--serial-in", "md5sum -c sum\\n", "--expect", "big: OK"],
      ],
      { seconds: 950 },
    );
    assert.equal(status, 0, stderr);
  });
});

describe("what cannot be started is refused in words", { skip: noMachine }, () => {
  /** @param {RegExp} message @param {string[]} args */
  const refused = async (message, ...args) => {
    const { status, stderr } = await play(args, 20);
    assert.match(stderr, message);
    assert.equal(status, 2);
  };

  test("firmware of a wrong size, and of a wrong kind", async () => {
    await refused(
      /^pagevm: [^\n]*bios: it has 1000 bytes; a BIOS image has 64 KB to 4 MB[^\n]*\n$/,
      "--bios",
      file(Buffer.alloc(1000)),
    );
    await refused(/vgabios: not an option ROM/, "--vgabios", file(Buffer.alloc(1024)));
  });

  test("images of drives", async () => {
    await refused(/--hda: [^\n]*empty/, "--hda", file(""));
    await refused(/fda: [^\n]*bytes/, "--fda", file(Buffer.alloc(3_000_000)));
    await refused(/--cdrom: [^\n]*no such file|--cdrom: [^\n]*does not exist/i, "--cdrom", newName());
    await refused(
      /--write-through: there is no --hda/,
      "--write-through",
      "hda",
      "--fda",
      floppy("freedos722"),
    );
    await refused(/boot: "x" is not one of/, "--boot", "x", "--fda", floppy("freedos722"));
  });

  test("nothing bootable: the firmware says so, and the machine waits", async () => {
    const blank = file(Buffer.alloc(1 << 20));
    const { status, stderr } = await play(["--hda", blank, "--expect-screen", "No bootable device"]);
    assert.equal(status, 0, stderr);
  });
});
