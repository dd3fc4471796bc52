import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMachine } from "./machine-file.js";

const resolve = (name) => {
  if (name.includes(" ")) throw new Error(`"${name}" is no URL`);
  return `/there/${name}`;
};
const parse = (value) =>
  parseMachine(typeof value === "string" ? value : JSON.stringify(value), "m.json", resolve);

test("a machine is what its file says, its images beside it", () => {
  assert.deepEqual(parse({}), {});
  assert.deepEqual(
    parse({
      memory: 64,
      hda: "disk.img",
      cdrom: { url: "cd.iso", size: 5000 },
      fda: { empty: true },
      boot: "dca",
      jit: "eager",
      reboot: false,
      hashAt: [1, 2],
      modules: [{ image: "one" }, { image: { url: "two" }, cmdline: "quiet" }],
    }),
    {
      memory: 64,
      hda: "/there/disk.img",
      cdrom: { url: "/there/cd.iso", size: 5000 },
      fda: { empty: true },
      boot: "dca",
      jit: "eager",
      reboot: false,
      hashAt: [1, 2],
      modules: [
        { image: "/there/one", cmdline: "" },
        { image: { url: "/there/two" }, cmdline: "quiet" },
      ],
    },
  );
});

test("what is wrong is said with file, key and reason", () => {
  const cases = /** @type {[unknown, string | RegExp][]} */ ([
    ["{ memory: 5 }", /^m\.json: it is not JSON: [^\n]+$/],
    ["", /^m\.json: it is not JSON: /],
    ["<!doctype html>", /^m\.json: it is not JSON: /],
    ["[1]", "m.json: it is not an object of options, but [1]"],
    ["null", "m.json: it is not an object of options, but null"],
    [{ ram: 5 }, "m.json: there is no option ram of a machine"],
    ['{ "__proto__": 5 }', "m.json: there is no option __proto__ of a machine"],
    [{ toString: 5 }, "m.json: there is no option toString of a machine"],
    [{ autostart: true }, "m.json: there is no option autostart of a machine"],
    [{ scsi: "x" }, "m.json: the option scsi is not available yet"],
    [{ memory: "64" }, 'm.json: memory is a whole number of megabytes, not "64"'],
    [{ memory: 1.5 }, "m.json: memory is a whole number of megabytes, not 1.5"],
    [{ memory: null }, "m.json: memory is a whole number of megabytes, not null"],
    [{ seed: -1 }, "m.json: seed is a whole number, not -1"],
    [{ kernel: "" }, 'm.json: kernel is a URL or { "url": URL, "size": bytes }, not ""'],
    [{ kernel: "a b" }, 'm.json: kernel: "a b" is no URL'],
    [{ hda: { empty: true } }, 'm.json: hda is a URL or { "url": URL, "size": bytes }, not {"empty":true}'],
    [{ fda: { empty: 1 } }, /^m\.json: fda is a URL, .* or \{ "empty": true \}, not \{"empty":1\}$/],
    [{ fda: { url: "x", sise: 5 } }, /^m\.json: fda is a URL, .*not \{"url":"x","sise":5\}$/],
    [{ fda: { url: "x", size: "5" } }, /^m\.json: fda is a URL/],
    [{ jit: "on" }, 'm.json: jit is true or false or "eager", not "on"'],
    [{ clock: "fast" }, 'm.json: clock is "real" or "counted", not "fast"'],
    [{ hashAt: [1, "2"] }, 'm.json: hashAt is a list of whole numbers, not [1,"2"]'],
    [{ modules: ["x"] }, /^m\.json: modules is a list of .*, not \["x"\]$/],
    [{ cmdline: ["x".repeat(100)] }, /^m\.json: cmdline is a text, not \["x{57}…$/],
  ]);
  for (const [value, message] of cases)
    assert.throws(
      () => parse(value),
      (error) => {
        assert.equal(error.name, "PageVMError");
        if (typeof message === "string") assert.equal(error.message, message);
        else assert.match(error.message, message);
        return true;
      },
    );
});
