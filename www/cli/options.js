// @ts-check
/**
 * The options of `run`: one table from which parsing, --help and the refusals are made.
 *
 * An option of the stable interface that is not there yet stands in the table too, marked `later`: it is refused by
 * name, never ignored.
 */
import { DRIVES, placesOf } from "../lib/places.js";
import { badUse } from "./failure.js";
import { readMachineFile } from "./machine-file.js";
import { keysOf, unescape } from "./text.js";

/** @typedef {"null" | "stdio" | "stderr" | { file: string }} Channel where bytes go to (and for a serial port come from) */

/** @typedef {{ kind: "expect" | "expect-screen", text: string }} Expectation */

/** @typedef {{ kind: "serial-in", bytes: Uint8Array } | { kind: "type", keys: import("../lib/keys.js").KeyMove[][] }} Input */

/** @typedef {Expectation | Input} ScriptItem */

/**
 * What a command line says, before what a machine's file says. The names are those of the options; those of drives are there,
 * too, "" for one with nothing in it.
 * @typedef {object} RunOptions
 * @property {string} [kernel]
 * @property {string} [initrd]
 * @property {string} [cmdline]
 * @property {string} [multiboot]
 * @property {{ file: string, cmdline: string }[]} [module]
 * @property {number} memory
 * @property {string} cpu
 * @property {"none" | "terminal"} [display]
 * @property {string} [bios]
 * @property {string} [vgabios]
 * @property {string} [boot]
 * @property {string[]} [write-through]
 * @property {Channel} serial
 * @property {Channel} serial2
 * @property {Channel} debugcon
 * @property {Channel} log
 * @property {ScriptItem[]} script expectations and inputs, in the order given
 * @property {number} [timeout] seconds
 * @property {boolean | "eager"} jit
 * @property {number} [code-cache]
 * @property {number} [jit-threshold]
 * @property {number} [jit-region]
 * @property {"tail-call" | "return"} [jit-linkage]
 * @property {string} [jit-without] names of passes
 * @property {number} [dump-region] a guest linear address
 * @property {boolean} deterministic
 * @property {bigint} [seed]
 * @property {number} [rtc] seconds since 1970
 * @property {boolean} reboot
 * @property {boolean} apic
 * @property {bigint} [max-instructions]
 * @property {bigint[]} [hash-at]
 * @property {string} [load]
 * @property {string} [save]
 * @property {string} [screenshot]
 * @property {string} [screen-text]
 * @property {string} [stats]
 */

/**
 * @typedef {object} Option
 * @property {string} name as typed, without the dashes
 * @property {string} [value] what stands for its value in the help; an option without is a switch
 * @property {string} help
 * @property {(text: string) => unknown} [read] the value's meaning; throws an Error whose message completes "--name: "
 * @property {"last" | "list" | "script"} [collect] the last one counts (default), all do, or it joins the script
 * @property {[key: string, value: unknown]} [means] for a switch that sets another key
 * @property {boolean} [later] not available yet
 */

/** @param {bigint} least @param {bigint} most */
const whole = (least, most) => (/** @type {string} */ text) => {
  if (!/^(0x[0-9a-f]+|[0-9]+)$/i.test(text)) throw new Error(`"${text}" is not a whole number`);
  const value = BigInt(text);
  if (value < least) throw new Error(`${text} is less than ${least}`);
  if (value > most) throw new Error(`${text} is more than ${most}`);
  return value;
};

/** @param {number} least @param {number} most */
const number = (least, most) => {
  const read = whole(BigInt(least), BigInt(most));
  return (/** @type {string} */ text) => Number(read(text));
};

/** Counts of instructions are exact up to 2^53 on the JavaScript side. */
const instructions = whole(0n, BigInt(Number.MAX_SAFE_INTEGER));

/** Hexadecimal, as addresses are written: with 0x, with h at the end, or plain. @param {string} text */
function address(text) {
  const [, digits] = /^(?:0x)?([0-9a-f]+)h?$/i.exec(text) ?? [];
  const value = digits === undefined ? NaN : parseInt(digits, 16);
  if (Number.isNaN(value)) throw new Error(`"${text}" is not a hexadecimal address`);
  if (value > 0xffff_ffff) throw new Error(`${text} has more than 32 bits`);
  return value;
}

/** @param {string} text */
function seconds(text) {
  if (!/^([0-9]+\.?[0-9]*|\.[0-9]+)$/.test(text)) throw new Error(`"${text}" is not a number of seconds`);
  const value = Number(text);
  if (value <= 0) throw new Error("must be more than 0");
  if (value > 2_000_000) throw new Error(`${text} is more than 2000000`);
  return value;
}

/** A time without a zone is UTC, as the machine's clock is. @param {string} text */
function time(text) {
  const zoned = /T.*(Z|[+-]\d\d:?\d\d)$/i.test(text) || !text.includes("T") ? text : `${text}Z`;
  const ms = /^\d{4}-\d\d(-\d\d)?(T[\d:.]+(Z|[+-]\d\d:?\d\d)?)?$/i.test(text) ? Date.parse(zoned) : NaN;
  if (Number.isNaN(ms)) throw new Error(`"${text}" is not a time like 2026-01-31T12:00:00`);
  if (ms < 0) throw new Error(`${text} is before 1970`);
  return Math.floor(ms / 1000);
}

/** @param {...string} words */
const channel =
  (...words) =>
  (/** @type {string} */ text) => {
    if (words.includes(text)) return text;
    if (text.startsWith("file:") && text.length > 5) return { file: text.slice(5) };
    throw new Error(`"${text}" is none of ${words.join(", ")}, file:F`);
  };

/** @param {string} text */
function file(text) {
  if (!text) throw new Error("the file's name is empty");
  return text;
}

/** @param {Record<string, unknown>} words */
const oneOf = (words) => (/** @type {string} */ text) => {
  if (!Object.hasOwn(words, text)) throw new Error(`"${text}" is none of ${Object.keys(words).join(", ")}`);
  return words[text];
};

/** @param {string} text */
function some(text) {
  if (!text) throw new Error("the text is empty");
  return text;
}

/** @param {Expectation["kind"]} kind */
const expectation = (kind) => (/** @type {string} */ text) => ({ kind, text: some(text) });

/** @type {Record<string, Option[]>} */
const GROUPS = {
  "What to start": [
    {
      name: "machine",
      value: "F",
      read: file,
      help: "a machine as a machine.json describes it; options beside it go before what it says",
    },
    { name: "kernel", value: "F", read: file, help: "a Linux kernel (bzImage)" },
    { name: "initrd", value: "F", read: file, help: "its initial RAM disk" },
    { name: "cmdline", value: "S", help: "its command line (also a multiboot image's)" },
    { name: "multiboot", value: "F", read: file, help: "a multiboot 1 image" },
    {
      name: "module",
      value: "'F ARGS'",
      // The guest sees all of it, as from any multiboot loader.
      read: (text) => ({ file: file(text).split(" ")[0], cmdline: text }),
      collect: "list",
      help: "a module for it; may be repeated",
    },
    { name: "bios", value: "F", read: file, help: "firmware other than the shipped one" },
    { name: "vgabios", value: "F", read: file, help: "likewise for the video card" },
    {
      name: "boot",
      value: "ORDER",
      read: some,
      help: "boot order of the firmware, of c, d, a and n (default cad)",
    },
  ],
  Drives: [
    ...["hda", "hdb", "hdc", "hdd"].map((name) => ({ name, value: "F", read: file, help: "a hard disk" })),
    { name: "cdrom", value: "F", read: file, help: "a CD in the first free ATAPI position" },
    { name: "fda", value: "F", read: file, help: "a floppy disk" },
    { name: "fdb", value: "F", read: file, help: "a floppy disk in the second drive" },
    { name: "scsi", value: "N=F", help: "a SCSI disk", later: true },
    {
      name: "write-through",
      value: "DRIVE",
      read: oneOf(Object.fromEntries(DRIVES.filter((name) => name !== "cdrom").map((name) => [name, name]))),
      collect: "list",
      help: "let the guest's writes change this drive's file; otherwise they stay in the machine. May be repeated",
    },
  ],
  Machine: [
    { name: "memory", value: "MB", read: number(1, 1 << 20), help: "default 256" },
    {
      name: "cpu",
      value: "MODEL[,-FEATURE…]",
      help: "486, pentium, pentium3 or core2 (default), less features, as in pentium,-mmx (docs/processors.md)",
    },
    {
      name: "no-apic",
      means: ["apic", false],
      help: "no local APIC, I/O APIC and HPET: interrupts go through the pair of 8259A alone",
    },
    {
      name: "serial",
      value: "stdio|null|file:F",
      read: channel("stdio", "null"),
      help: "COM1 (default stdio)",
    },
    {
      name: "serial2",
      value: "stdio|null|file:F",
      read: channel("stdio", "null"),
      help: "COM2 (default null)",
    },
    { name: "serial3", value: "…", help: "COM3", later: true },
    { name: "serial4", value: "…", help: "COM4", later: true },
    { name: "parallel", value: "file:F", help: "LPT1", later: true },
    {
      name: "debugcon",
      value: "stdio|stderr|null|file:F",
      read: channel("stdio", "stderr", "null"),
      help: "port E9h (default stderr)",
    },
    {
      name: "display",
      value: "none|terminal",
      read: oneOf({ none: "none", terminal: "terminal" }),
      help: "terminal: the text screen in this terminal, which is the keyboard then (COM1 and port E9h go to null)",
    },
    { name: "wav", value: "F", help: "record the sound", later: true },
    { name: "pcap", value: "F", help: "record the network", later: true },
  ],
  "A run by itself": [
    {
      name: "expect",
      value: "TEXT",
      read: expectation("expect"),
      collect: "script",
      help: "wait for TEXT on COM1; may be repeated, met in order; after the last the machine is stopped",
    },
    {
      name: "expect-screen",
      value: "TEXT",
      read: expectation("expect-screen"),
      collect: "script",
      help: "wait for TEXT on the text screen, in the same order",
    },
    {
      name: "serial-in",
      value: "TEXT",
      read: (text) => ({ kind: "serial-in", bytes: unescape(some(text)) }),
      collect: "script",
      help:
        "sent to COM1 once the first --expect is met, the second once the second is, and so on; without any at once. " +
        "Knows \\n \\r \\t \\e \\\\ \\xNN",
    },
    {
      name: "type",
      value: "TEXT",
      read: (text) => ({ kind: "type", keys: keysOf(unescape(some(text)).toString("utf8")) }),
      collect: "script",
      help: "likewise, typed on the keyboard. A --type and a --serial-in side by side go together",
    },
    { name: "timeout", value: "S", read: seconds, help: "host seconds" },
    { name: "max-instructions", value: "N", read: instructions, help: "stop after so many" },
    { name: "no-reboot", means: ["reboot", false], help: "a reset or triple fault ends the run (default)" },
    { name: "reboot", means: ["reboot", true], help: "a reset or triple fault restarts the guest" },
  ],
  "Same run again": [
    { name: "deterministic", help: "counted clock, fixed RTC and entropy" },
    { name: "seed", value: "N", read: whole(0n, 2n ** 64n - 1n), help: "entropy" },
    { name: "rtc", value: "ISO", read: time, help: "date and time at power-on (UTC)" },
    {
      name: "hash-at",
      value: "N,N,…",
      read: (text) => text.split(",").map(instructions),
      help: "print HASH n hex on stderr at these instruction counts",
    },
  ],
  Translator: [
    {
      name: "jit",
      value: "on|off|eager",
      read: oneOf({ on: true, off: false, eager: "eager" }),
      help: "default on",
    },
    { name: "no-jit", means: ["jit", false], help: "the same as --jit off" },
    {
      name: "code-cache",
      value: "BYTES",
      read: number(0, Number.MAX_SAFE_INTEGER),
      help: "bound on translated code",
    },
    {
      name: "jit-threshold",
      value: "N",
      read: number(0, 0xffff_ffff),
      help: "entries of a block that make it hot",
    },
    {
      name: "jit-region",
      value: "N",
      read: number(1, 0xffff),
      help: "most instructions translated as one function",
    },
    {
      name: "jit-linkage",
      value: "tail-call|return",
      read: oneOf({ "tail-call": "tail-call", return: "return" }),
      help: "how translations get to each other",
    },
    {
      name: "jit-without",
      value: "PASS,PASS,…",
      read: some,
      help: "translate without these passes (docs/jit.md names them)",
    },
    {
      name: "dump-region",
      value: "ADDR",
      read: address,
      help:
        "print on stderr, at the end, what became of the code at this guest linear address (hexadecimal): " +
        "instructions, IR after each pass, wasm",
    },
  ],
  "At the start and the end": [
    { name: "load", value: "F", read: file, help: "go on from a saved state" },
    { name: "save", value: "F", read: file, help: "write the machine's state at the end" },
    { name: "screenshot", value: "F.png", read: file, help: "the screen at the end" },
    { name: "screen-text", value: "F", read: file, help: "the text screen at the end" },
    { name: "stats", value: "F", read: file, help: "JSON; - is stderr" },
    {
      name: "log",
      value: "null|stderr|file:F",
      read: channel("null", "stderr"),
      help: "the machine's own log",
    },
  ],
};

const TABLE = new Map(
  Object.values(GROUPS)
    .flat()
    .map((option) => [option.name, option]),
);

const DEFAULTS = {
  memory: 256,
  cpu: "",
  serial2: "null",
  log: "null",
  jit: true,
  deterministic: false,
  reboot: false,
  apic: true,
};

/**
 * Reads a command line (without "run").
 * @param {string[]} args
 * @returns {RunOptions | "help"}
 */
export function parse(args) {
  /** @type {Record<string, unknown> & { script: ScriptItem[] }} */
  const given = { script: [] };
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? "";
    if (arg === "--help" || arg === "-h") return "help";
    if (!arg.startsWith("-") || arg === "-") throw badUse(`${arg || '""'}: not an option (try --help)`);
    const equals = arg.indexOf("=");
    const flag = equals < 0 ? arg : arg.slice(0, equals);
    const option = flag.startsWith("--") ? TABLE.get(flag.slice(2)) : undefined;
    if (!option) throw badUse(`${flag}: unknown option (try --help)`);
    if (option.later) throw badUse(`${flag}: not available yet`);
    if (option.value === undefined) {
      if (equals >= 0) throw badUse(`${flag}: takes no value`);
      const [key, value] = option.means ?? [option.name, true];
      given[key] = value;
      continue;
    }
    const text = equals < 0 ? args[++i] : arg.slice(equals + 1);
    if (text === undefined) throw badUse(`${flag}: needs a value, ${option.value}`);
    collect(given, option, read(option, text));
  }
  const described = typeof given.machine === "string" ? readMachineFile(given.machine) : {};
  /** @type {Record<string, unknown>} */
  const options = { ...DEFAULTS, ...described, ...given };
  const onTerminal = options.display === "terminal";
  options.serial ??= onTerminal ? "null" : "stdio";
  options.debugcon ??= onTerminal ? "null" : "stderr";
  const result = /** @type {RunOptions} */ (/** @type {unknown} */ (options));
  check(result);
  return result;
}

/** @param {Option} option @param {string} text */
function read(option, text) {
  try {
    return option.read ? option.read(text) : text;
  } catch (error) {
    throw badUse(`--${option.name}: ${/** @type {Error} */ (error).message}`);
  }
}

/**
 * @param {Record<string, unknown> & { script: ScriptItem[] }} options
 * @param {Option} option
 * @param {unknown} value
 */
function collect(options, { name, collect }, value) {
  if (collect === "script") options.script.push(/** @type {ScriptItem} */ (value));
  else if (collect === "list") options[name] = [.../** @type {unknown[]} */ (options[name] ?? []), value];
  else options[name] = value;
}

/** Refuses what makes no sense together. @param {RunOptions} options */
function check(options) {
  const { kernel, multiboot, load } = options;
  const given = /** @type {Record<string, unknown>} */ (/** @type {unknown} */ (options));
  const places = placesOf((name) => given[name] !== undefined);
  if (typeof places === "string") throw badUse(`--${places}`);
  const firmware = options.bios !== undefined || options.vgabios !== undefined;
  if (
    kernel === undefined &&
    multiboot === undefined &&
    load === undefined &&
    !firmware &&
    places.length === 0
  )
    throw badUse("nothing to start: give --kernel, --multiboot, a drive, --bios, --machine or --load");
  if (firmware && (kernel !== undefined || multiboot !== undefined))
    throw badUse(
      `--${options.bios === undefined ? "vgabios" : "bios"}: a --kernel or --multiboot is started without firmware`,
    );
  for (const name of options["write-through"] ?? [])
    if (!given[name]) throw badUse(`--write-through: there is no --${name}`);
  if (kernel !== undefined && multiboot !== undefined)
    throw badUse("--multiboot: there is a --kernel already");
  if (options.initrd !== undefined && kernel === undefined) throw badUse("--initrd: needs --kernel");
  if (options.module !== undefined && multiboot === undefined) throw badUse("--module: needs --multiboot");
  if (options.cmdline !== undefined && kernel === undefined && multiboot === undefined)
    throw badUse("--cmdline: needs --kernel or --multiboot");
  if (options.display === "terminal")
    for (const name of /** @type {const} */ (["serial", "serial2", "debugcon"]))
      if (options[name] === "stdio") throw badUse(`--${name}: stdio is the screen's (--display terminal)`);
  if (options.serial === "stdio" && options.serial2 === "stdio")
    throw badUse("--serial2: stdio is COM1's (say --serial null)");
}

/** @returns {string} */
export function help() {
  const lines = ["usage: node cli.mjs run [options]", ""];
  for (const [title, all] of Object.entries(GROUPS)) {
    const options = all.filter((option) => !option.later);
    if (!options.length) continue;
    lines.push(`${title}:`);
    for (const { name, value, help } of options) {
      const left = `  --${name}${value === undefined ? "" : ` ${value}`}`;
      const [first = "", ...rest] = wrap(help, 74);
      if (left.length < 34) lines.push(left.padEnd(34) + first);
      else lines.push(left, " ".repeat(34) + first);
      lines.push(...rest.map((line) => " ".repeat(34) + line));
    }
    lines.push("");
  }
  const later = [...TABLE.values()].filter((option) => option.later).map((option) => `--${option.name}`);
  lines.push(...wrap(`Not available yet: ${later.join(" ")}`, 100), "", EXIT_STATUS);
  return lines.join("\n");
}

const EXIT_STATUS = `Exit status:
   0  every expectation met; or, when none was given, a clean power-off, Ctrl-A x or the instruction limit
   2  wrong use or bad input
   4  timeout; or ended by a signal, or by the reader of its output going away
   6  an expectation unmet at power-off (at the instruction limit, at Ctrl-A x)
   8  triple fault, or another reset, without --reboot
  10  halted for ever with interrupts off
  12  internal error of ours
   (v << 1) | 1  the guest wrote v to port F4h
`;

/** @param {string} text @param {number} width */
function wrap(text, width) {
  /** @type {string[]} */
  const lines = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
