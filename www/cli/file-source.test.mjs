// @ts-check
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { openFileSource } from "./file-source.js";

describe("a file as a medium", () => {
  let folder = "";
  const bytes = Uint8Array.from({ length: 5000 }, (_, at) => at * 7);
  const file = (/** @type {string} */ name, /** @type {Uint8Array} */ data = bytes) => {
    fs.writeFileSync(path.join(folder, name), data);
    return path.join(folder, name);
  };

  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "pagevm-file-source-"));
  });
  after(() => {
    fs.rmSync(folder, { recursive: true });
  });

  test("is read at any place, and not written", () => {
    const name = file("disk.img");
    const source = openFileSource("hda", name);
    assert.deepEqual([source.size, source.readOnly, source.name], [5000, true, name]);
    assert.deepEqual(source.read(4000, 1000), bytes.subarray(4000));
    assert.deepEqual(source.read(7, 0), new Uint8Array(0));
    assert.throws(() => source.write(0, bytes), { code: "image-unwritable" });
    assert.equal(source.flush(), undefined);
    source.close();
    source.close();
    assert.throws(() => source.read(0, 1), { message: `hda: ${name} cannot be read: it is closed` });
    assert.deepEqual(new Uint8Array(fs.readFileSync(name)), bytes);
  });

  test("is written in place where that was asked for, and grows to whole sectors", async () => {
    const name = file("written.img");
    const source = openFileSource("hda", name, { writeThrough: true });
    assert.equal(source.readOnly, false);
    source.write(512, new Uint8Array(512).fill(0xaa));
    source.write(4608, new Uint8Array(512).fill(0xbb));
    await source.flush();
    assert.equal(source.size, 5120);
    assert.deepEqual(source.read(5119, 1), Uint8Array.of(0xbb));
    source.close();
    const now = fs.readFileSync(name);
    assert.deepEqual([now.length, now[511], now[512], now[1024]], [5120, bytes[511], 0xaa, bytes[1024]]);
  });

  test("says that it was cut off", () => {
    const name = file("cut.img");
    const source = openFileSource("hda", name);
    fs.truncateSync(name, 1000);
    const message = `hda: ${name} has been cut off since the machine was given it: it ends at 1 KB now`;
    assert.throws(() => source.read(512, 1024), { code: "image-changed", message });
    source.close();
  });

  test("is refused by name when it cannot be one", () => {
    const refused = (/** @type {string} */ name, /** @type {string} */ why) =>
      assert.throws(() => openFileSource("hda", name), { status: 2, message: `--hda: ${name}: ${why}` });
    refused(path.join(folder, "none.img"), "no such file or folder");
    refused(folder, "is a folder");
    refused(file("empty.img", new Uint8Array(0)), "the file is empty");
    if (os.platform() !== "win32") {
      const pipe = path.join(folder, "pipe");
      execFileSync("mkfifo", [pipe]);
      refused(pipe, "is not a file");
    }
    assert.throws(() => openFileSource("hda", folder, { writeThrough: true }), { status: 2 });
  });
});
