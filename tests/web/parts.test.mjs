/** The parts of the shell that need no page: keys, typing, transcript, state, the server. */
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, it } from "node:test";
import { isKey, movesOfScancodes } from "../../www/lib/keys.js";
import { find, Transcript } from "../../www/lib/transcript.js";
import { movesOfStrokes, strokesOf } from "../../www/lib/typing.js";
import { sizeInWords } from "../../www/lib/words.js";
import { serve } from "../../www/serve.mjs";
import * as store from "../../www/store/state.js";

describe("keys", () => {
  const codes = (bytes) => {
    const { moves } = movesOfScancodes(bytes);
    return moves.map(({ code, down }) => (down ? "+" : "-") + code).join(" ");
  };
  it("are found by their scan codes", () => {
    assert.equal(codes([0x1e, 0x9e, 0x01, 0x2a, 0x58]), "+KeyA -KeyA +Escape +ShiftLeft +F12");
    assert.equal(codes([0x1c, 0xe0, 0x1c, 0xe0, 0x9c]), "+Enter +NumpadEnter -NumpadEnter");
    assert.equal(
      codes([0x37, 0xe0, 0x37, 0x4a, 0x4e, 0x53, 0xe0, 0x53]),
      "+NumpadMultiply +PrintScreen " + "+NumpadSubtract +NumpadAdd +NumpadDecimal +Delete",
    );
    assert.equal(codes([0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5, 0x45]), "+Pause -Pause +NumLock");
    assert.equal(codes([0x48, 0xe0, 0x48, 0x50, 0x56]), "+Numpad8 +ArrowUp +Numpad2 +IntlBackslash");
  });
  it("are named by what is none", () => {
    assert.deepEqual(movesOfScancodes([0x1e, 0xe0, 0x1e]), { unknown: "e0 1e" });
    assert.deepEqual(movesOfScancodes([0xe0]), { unknown: "e0" });
    assert.deepEqual(movesOfScancodes([0x00]), { unknown: "00" });
  });
  it("are those of a PC", () => {
    for (const code of ["KeyZ", "Digit0", "F11", "ControlRight", "Pause", "IntlYen"])
      assert.ok(isKey(code), code);
    for (const code of ["", "AudioVolumeUp", "toString", "Fn"]) assert.ok(!isKey(code), code);
  });
});

describe("typing", () => {
  it("knows every printable character of ASCII", () => {
    const all = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join("");
    const { strokes } = strokesOf(all);
    assert.equal(strokes.length, 95);
    assert.equal(new Set(strokes.map(({ code, shift }) => `${code}${shift}`)).size, 95);
    assert.ok(strokes.every(({ code }) => isKey(code)));
  });
  it("holds Shift around what needs it, and names what has no key", () => {
    const { strokes } = strokesOf("A\r\n");
    assert.deepEqual(
      movesOfStrokes(strokes).map(({ code, down }) => (down ? "+" : "-") + code),
      ["+ShiftLeft", "+KeyA", "-KeyA", "-ShiftLeft", "+Enter", "-Enter"],
    );
    assert.deepEqual(strokesOf("a€"), { unknown: "€" });
  });
});

describe("transcript", () => {
  it("is consumed by what is found in it", () => {
    const transcript = new Transcript();
    transcript.add("login: ro");
    transcript.add("ot\r\n# ");
    assert.equal(transcript.take("root"), "root");
    assert.equal(transcript.take("login"), undefined);
    assert.equal(transcript.take(/^# /m), "# ");
    assert.equal(transcript.take("#"), undefined);
  });
  it("does not depend on a pattern's own position", () => {
    const pattern = /b/g;
    pattern.lastIndex = 5;
    assert.deepEqual(find("abc", pattern), { text: "b", end: 2 });
  });
  it("is looked at again only near its end, by those who say how far they have looked", () => {
    const transcript = new Transcript();
    const seen = { to: 0 };
    transcript.add("start");
    assert.equal(transcript.take("end", seen), undefined);
    transcript.add(`${"x".repeat(3_000_000)}e`);
    assert.equal(transcript.take("end", seen), undefined);
    transcript.add("nd, and\nagain");
    assert.equal(transcript.take("end", seen), "end");
    assert.equal(transcript.take(/^and/, seen), undefined);
    assert.equal(transcript.take(/^again/m, seen), "again");
    transcript.add("far" + "y".repeat(100_000));
    seen.to = 4_000_000; // as if it had been looked at
    assert.equal(transcript.take("far", seen), undefined);
  });
  it("does not grow for ever", () => {
    const transcript = new Transcript();
    for (let round = 0; round < 100; round++) transcript.add("x".repeat(100_000));
    transcript.add("end");
    assert.equal(transcript.take("end"), "end");
  });
});

describe("state", () => {
  it("is frozen, and changes by what is told", () => {
    let shell = store.loadingBegan(store.cleared(store.INITIAL, true));
    shell = store.imageProgressed(shell, { image: "kernel", loaded: 1, total: 2 });
    shell = store.imageProgressed(shell, { image: "initrd", loaded: 0, total: 0 });
    shell = store.imageProgressed(shell, { image: "kernel", loaded: 2, total: 2 });
    assert.deepEqual(
      shell.images.map(({ image, loaded }) => [image, loaded]),
      [
        ["kernel", 2],
        ["initrd", 0],
      ],
    );
    assert.ok(Object.isFrozen(shell) && Object.isFrozen(shell.images));
    shell = store.machineChanged(shell, { state: "running" });
    assert.deepEqual(shell.images, []);
    shell = store.powerIgnored(store.serialSpoke(shell));
    assert.deepEqual([shell.powerIgnored, shell.unseenSerial], [true, true]);
    shell = store.machineChanged(store.viewChosen(shell, "both"), { state: "off", reason: "done" });
    assert.deepEqual(
      [shell.powerIgnored, shell.unseenSerial, shell.view, shell.reason],
      [false, false, "both", "done"],
    );
    assert.equal(store.powerIgnored(shell).powerIgnored, false);
  });
  it("knows the drives whose media can be changed", () => {
    const fda = { drive: "fda", kind: "floppy", image: null };
    let shell = store.drivesKnown(store.loadingBegan(store.INITIAL), [
      { drive: "hda", kind: "disk", image: "disk.img" },
      fda,
    ]);
    assert.deepEqual(shell.drives, [{ ...fda, refused: "" }]);
    shell = store.mediumRefused(store.drivesShown(shell, true), "fda", "no floppy");
    assert.deepEqual(shell.drives, [{ ...fda, refused: "no floppy" }]);
    assert.equal(store.drivesShown(shell, false).drives[0].refused, "");
    shell = store.mediumChanged(shell, { ...fda, image: "a.img" });
    assert.deepEqual([shell.drives, shell.drivesOpen], [[{ ...fda, image: "a.img", refused: "" }], true]);
    assert.ok(Object.isFrozen(shell) && Object.isFrozen(shell.drives));
    assert.deepEqual(store.cleared(shell, true).drives, []);
  });
});

it("sizes are told as people read them", () => {
  assert.deepEqual([0, 999, 1000, 2_345_678, 3_000_000_000].map(sizeInWords), [
    ...["0 bytes", "999 bytes", "1 KB", "2.3 MB", "3.00 GB"],
  ]);
});

describe("the server", () => {
  it("serves dist at / and images' outputs, by type, in ranges, and nothing else", async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "pagevm-serve-"));
    const dist = path.join(folder, "dist");
    const images = path.join(folder, "images");
    fs.mkdirSync(dist);
    fs.mkdirSync(path.join(images, "one/out"), { recursive: true });
    fs.writeFileSync(path.join(dist, "index.html"), "<p>page");
    fs.writeFileSync(path.join(dist, "a.wasm"), "wasm");
    fs.writeFileSync(path.join(folder, "secret"), "secret");
    fs.writeFileSync(path.join(images, "one/out/disk"), "0123456789");
    fs.writeFileSync(path.join(images, "one/recipe.toml"), "not served");
    const server = await serve({ port: 0, host: "127.0.0.1", dist, images });
    const second = await serve({ port: Number(new URL(server.url).port), host: "127.0.0.1", dist, images });
    try {
      assert.notEqual(second.url, server.url, "the next free port");
      const get = (name, options) => fetch(server.url + name, options);
      const page = await get("?query=1");
      assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8");
      assert.equal(await page.text(), "<p>page");
      const again = await get("", { headers: { "if-none-match": page.headers.get("etag") } });
      assert.equal(again.status, 304);
      assert.equal((await get("a.wasm")).headers.get("content-type"), "application/wasm");
      const disk = (range) => get("images/one/disk", { headers: { range } });
      for (const [range, status, text] of [
        ["bytes=2-4", 206, "234"],
        ["bytes=7-", 206, "789"],
        ["bytes=-3", 206, "789"],
        ["bytes=5-500", 206, "56789"],
        ["bytes=4-2", 200, "0123456789"],
        ["nonsense", 200, "0123456789"],
      ]) {
        const response = await disk(range);
        assert.deepEqual([response.status, await response.text()], [status, text], range);
      }
      assert.equal((await disk("bytes=2-4")).headers.get("content-range"), "bytes 2-4/10");
      assert.equal((await disk("bytes=10-")).status, 416);
      for (const name of [
        "images/one/recipe.toml",
        "..%2fsecret",
        "%2e%2e/secret",
        "images/../../secret",
        "none",
        "%",
      ]) {
        assert.equal((await get(name)).status, 404, name);
      }
      assert.equal((await get("", { method: "POST" })).status, 405);
      assert.equal(await (await get("images/one/disk", { method: "HEAD" })).text(), "");
    } finally {
      await server.close();
      await second.close();
      fs.rmSync(folder, { recursive: true });
    }
  });
});
