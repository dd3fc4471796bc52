// @ts-check
/**
 * @import { DriveSource } from "../hosts/drive-source.js"
 * @import { DiskRequest } from "./drives.js"
 */
import assert from "node:assert/strict";
import http from "node:http";
import { describe, test } from "node:test";
import { openSource } from "../hosts/drive-source.js";
import { MemorySource } from "../hosts/memory-source.js";
import { PageVMError } from "../lib/error.js";
import { DiskError, Drives, SECTOR } from "./drives.js";

/** A machine that asks what it is told to, and remembers what it was answered. */
class Scripted {
  /** @type {DiskRequest[]} */
  asks = [];
  /** @type {Map<number, { drive: string, bytes: Uint8Array | null, error: number }>} */
  answers = new Map();
  /** The order of the answers. @type {number[]} */
  order = [];
  broken = false;
  /** What it was told of its media. @type {[drive: string, sectors: number | undefined, readOnly: boolean][]} */
  media = [];
  /** Why it takes no other medium. */
  refusal = "";
  #next = 0;

  /** @param {string} drive @param {number} first @param {number} sectors */
  read(drive, first, sectors) {
    return this.#ask({ drive, kind: "read", first, sectors });
  }
  /** @param {string} drive @param {number} first @param {Uint8Array} data */
  write(drive, first, data) {
    return this.#ask({ drive, kind: "write", first, sectors: Math.ceil(data.length / SECTOR), data });
  }
  /** @param {string} drive */
  flush(drive) {
    return this.#ask({ drive, kind: "flush", first: 0, sectors: 0 });
  }
  /** @param {Omit<DiskRequest, "id">} request */
  #ask(request) {
    const id = this.#next++;
    this.asks.push({ ...request, id });
    return id;
  }

  takeDiskRequests() {
    if (this.broken) throw new WebAssembly.RuntimeError("unreachable");
    return this.asks.splice(0);
  }
  /** @param {string} drive @param {number} id @param {Uint8Array | null} bytes @param {number} error */
  answerDisk(drive, id, bytes, error) {
    if (this.broken) throw new WebAssembly.RuntimeError("unreachable");
    assert.ok(!this.answers.has(id), "one answer each");
    this.answers.set(id, { drive, bytes: bytes && bytes.slice(), error });
    this.order.push(id);
  }
  /** @param {string} drive @param {number | undefined} sectors @param {boolean} readOnly */
  changeMedium(drive, sectors, readOnly) {
    if (this.refusal) throw new PageVMError("bad-image", this.refusal);
    this.media.push([drive, sectors, readOnly]);
  }
  /** @param {number} id */
  error(id) {
    return this.answers.get(id)?.error;
  }
}

/**
 * A medium that answers when it is told to.
 * @implements {DriveSource}
 */
class Slow {
  name = "slow.img";
  readOnly = false;
  /** What it was asked, in words, and how to let it be done. @type {{ what: string, go: () => void, fail: (error: Error) => void }[]} */
  asked = [];
  closed = false;
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
  }
  get size() {
    return this.bytes.length;
  }
  /** @param {number} offset @param {number} length */
  read(offset, length) {
    return this.#later(`read ${offset / SECTOR}+${length / SECTOR}`, () =>
      this.bytes.slice(offset, offset + length),
    );
  }
  /** @param {number} offset @param {Uint8Array} data */
  write(offset, data) {
    return this.#later(`write ${offset / SECTOR}+${data.length / SECTOR}`, () =>
      this.bytes.set(data, offset),
    );
  }
  flush() {
    return this.#later("flush", () => {});
  }
  close() {
    this.closed = true;
  }
  /** @template T @param {string} what @param {() => T} work @returns {Promise<T>} */
  #later(what, work) {
    return new Promise((resolve, reject) =>
      this.asked.push({ what, go: () => resolve(work()), fail: reject }),
    );
  }
  /** What it is busy with. */
  get busy() {
    return this.asked.map(({ what }) => what);
  }
  /** Lets it do the request with this number among those it is busy with. @param {number} at */
  async go(at) {
    this.asked.splice(at, 1)[0]?.go();
    await settled();
  }
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 0));
const sectors = (/** @type {number} */ count, /** @type {number} */ byte) =>
  new Uint8Array(count * SECTOR).fill(byte);

/** @param {{ [drive: string]: DriveSource }} sources */
function bench(sources) {
  const vm = new Scripted();
  /** @type {string[]} */
  const troubles = [];
  /** @type {string[]} */
  const notes = [];
  let kicks = 0;
  const drives = new Drives(vm, {
    onAnswer: () => kicks++,
    onTrouble: ({ message }) => troubles.push(message),
    onNote: ({ message }) => notes.push(message),
  });
  for (const [drive, source] of Object.entries(sources)) drives.insert(drive, source);
  return { vm, drives, troubles, notes, kicks: () => kicks };
}

describe("drives", () => {
  test("answer from memory within the call", () => {
    const bytes = Uint8Array.from({ length: 4 * SECTOR }, (_, at) => at >> 5);
    const { vm, drives, kicks } = bench({ hda: new MemorySource("disk", bytes) });
    const id = vm.read("hda", 1, 2);
    drives.pump();
    const answer = vm.answers.get(id);
    assert.deepEqual([answer?.drive, answer?.error, kicks()], ["hda", DiskError.NONE, 1]);
    assert.deepEqual(answer?.bytes, bytes.slice(SECTOR, 3 * SECTOR));
    drives.pump();
    assert.equal(kicks(), 1, "nothing asked, nobody woken");
  });

  test("refuse what no medium could do", () => {
    const rom = new MemorySource("disk", sectors(4, 1));
    const { vm, drives } = bench({ cdrom: rom, hda: new Slow(sectors(4, 1)) });
    assert.deepEqual(drives.insert("cdrom", rom), { sectors: 4, readOnly: true });
    const cases = /** @type {const} */ ([
      [vm.read("hdb", 0, 1), DiskError.NO_MEDIUM],
      [vm.flush("hdb"), DiskError.NO_MEDIUM],
      [vm.read("cdrom", 4, 1), DiskError.OUT_OF_RANGE],
      [vm.read("cdrom", 2, 3), DiskError.OUT_OF_RANGE],
      [vm.read("cdrom", -1, 1), DiskError.OUT_OF_RANGE],
      [vm.read("cdrom", NaN, 1), DiskError.OUT_OF_RANGE],
      [vm.read("cdrom", 2 ** 60, 1), DiskError.OUT_OF_RANGE],
      [vm.write("cdrom", 0, sectors(1, 0)), DiskError.READ_ONLY],
      [vm.flush("cdrom"), DiskError.NONE],
      [vm.write("hda", 3, sectors(2, 0)), DiskError.OUT_OF_RANGE],
      [vm.write("hda", 0, new Uint8Array(100)), DiskError.OUT_OF_RANGE],
      [vm.write("hda", 0, new Uint8Array(0)), DiskError.NONE],
    ]);
    drives.pump();
    for (const [id, error] of cases) assert.equal(vm.error(id), error, `request ${id}`);
  });

  test("have several requests under way, and wake the machine for each answer", async () => {
    const slow = new Slow(sectors(100, 1));
    const { vm, drives, kicks } = bench({ hda: slow });
    const ids = Array.from({ length: 10 }, (_, at) => vm.read("hda", at, 2));
    drives.pump();
    assert.equal(slow.busy.length, 8);
    await slow.go(7);
    await slow.go(0);
    assert.deepEqual([vm.order, kicks()], [[ids[7], ids[0]], 2]);
    assert.equal(slow.busy.length, 8);
    assert.equal(drives.idle(), false);
    while (slow.busy.length) await slow.go(0);
    assert.deepEqual([vm.order.length, kicks(), drives.idle("hda"), drives.idle()], [10, 10, true, true]);
  });

  test("keep the order of what overlaps, and flush after writes", async () => {
    const slow = new Slow(sectors(100, 1));
    const { vm, drives } = bench({ hda: slow });
    vm.read("hda", 0, 4);
    vm.write("hda", 2, sectors(4, 2));
    vm.read("hda", 5, 1);
    vm.read("hda", 6, 1);
    vm.write("hda", 0, sectors(1, 3));
    vm.flush("hda");
    vm.read("hda", 50, 1);
    vm.write("hda", 60, sectors(1, 4));
    drives.pump();
    assert.deepEqual(slow.busy, ["read 0+4", "read 6+1", "read 50+1", "write 60+1"]);
    await slow.go(0);
    assert.deepEqual(slow.busy, ["read 6+1", "read 50+1", "write 60+1", "write 2+4", "write 0+1"]);
    assert.deepEqual(vm.answers.get(0)?.bytes, sectors(4, 1), "as it was before the writes");
    await slow.go(4);
    await slow.go(3);
    assert.deepEqual(slow.busy, ["read 6+1", "read 50+1", "write 60+1", "read 5+1", "flush"]);
    await slow.go(3);
    assert.deepEqual(vm.answers.get(2)?.bytes, sectors(1, 2));
    await slow.go(3);
    assert.equal(vm.error(5), DiskError.NONE);
  });

  test("are a plain array, in whatever order the media answer", async () => {
    let seed = 7;
    const random = (/** @type {number} */ below) => (seed = (seed * 48271) % 2147483647) % below;
    const slow = new Slow(sectors(20, 0));
    const plain = sectors(20, 0);
    const { vm, drives } = bench({ hda: slow });
    /** @type {Map<number, Uint8Array>} */
    const expected = new Map();
    for (let round = 0; round < 400; round++) {
      for (let count = random(4); count > 0; count--) {
        const first = random(20);
        const length = 1 + random(Math.min(4, 20 - first));
        if (random(3) === 0) {
          const data = sectors(length, random(256));
          plain.set(data, first * SECTOR);
          vm.write("hda", first, data);
        } else if (random(5) === 0) {
          vm.flush("hda");
        } else {
          const id = vm.read("hda", first, length);
          expected.set(id, plain.slice(first * SECTOR, (first + length) * SECTOR));
        }
      }
      drives.pump();
      assert.ok(slow.busy.length <= 8);
      for (let count = random(4); count > 0 && slow.busy.length; count--)
        await slow.go(random(slow.busy.length));
    }
    while (slow.busy.length) await slow.go(random(slow.busy.length));
    for (const [id, bytes] of expected) assert.deepEqual(vm.answers.get(id)?.bytes, bytes, `request ${id}`);
    assert.deepEqual(slow.bytes, plain);
    assert.ok([...vm.answers.values()].every(({ error }) => error === DiskError.NONE));
  });

  test("fill up an image that ends within a sector, and say so", async () => {
    const bytes = new Uint8Array(1000).fill(7);
    const { vm, drives, notes } = bench({ fda: new MemorySource("disk.img", bytes) });
    assert.deepEqual(notes, [
      "fda: disk.img is 1000 bytes long, which is not whole sectors of 512; 24 zeros are added at its end",
    ]);
    const ids = [vm.read("fda", 0, 2), vm.read("fda", 1, 1), vm.read("fda", 2, 1)];
    drives.pump();
    const whole = sectors(2, 0);
    whole.set(bytes);
    assert.deepEqual(vm.answers.get(ids[0] ?? -1)?.bytes, whole);
    assert.deepEqual(vm.answers.get(ids[1] ?? -1)?.bytes, whole.slice(SECTOR));
    assert.equal(vm.error(ids[2] ?? -1), DiskError.OUT_OF_RANGE);
  });

  test("tell trouble once, and again after it was over", async () => {
    const slow = new Slow(sectors(8, 1));
    const { vm, drives, troubles } = bench({ hda: slow });
    const broken = new PageVMError("image-unreachable", "hda: slow.img broke off");
    const fail = async () => {
      const id = vm.read("hda", 0, 1);
      drives.pump();
      slow.asked.shift()?.fail(broken);
      await settled();
      assert.equal(vm.error(id), DiskError.FAILED);
    };
    await fail();
    await fail();
    assert.deepEqual(troubles, ["hda: slow.img broke off"]);
    vm.read("hda", 0, 1);
    drives.pump();
    await slow.go(0);
    await fail();
    assert.equal(troubles.length, 2);
  });

  test("survive sources that do not keep their word", async () => {
    const odd = new MemorySource("odd.img", sectors(4, 1));
    const results = [
      () => new Uint8Array(3),
      () => Promise.resolve(new Uint8Array(4000)),
      () => {
        throw new TypeError("oh");
      },
      () => Promise.reject("no error"),
    ];
    odd.read = () => /** @type {Uint8Array} */ (/** @type {unknown} */ (results.shift()?.()));
    const { vm, drives, troubles } = bench({ hda: odd });
    for (let at = 0; at < 4; at++) vm.read("hda", 0, 1);
    drives.pump();
    await settled();
    assert.deepEqual(
      [0, 1, 2, 3].map((id) => vm.error(id)),
      [4, 4, 4, 4],
    );
    assert.deepEqual(troubles.sort(), [
      "internal error: hda: odd.img gave 3 bytes where 512 were asked for",
      "internal error: hda: odd.img gave 4000 bytes where 512 were asked for",
      "internal error: hda: odd.img: no error",
      "internal error: hda: odd.img: oh",
    ]);
  });

  test("answer what was asked of a medium that is taken out, but do its writes", async () => {
    const slow = new Slow(sectors(8, 1));
    const { vm, drives } = bench({ hda: slow });
    vm.read("hda", 0, 2);
    vm.write("hda", 1, sectors(1, 9));
    vm.write("hda", 1, sectors(1, 8));
    drives.pump();
    const ejected = drives.eject("hda");
    assert.deepEqual(
      [...vm.answers.values()].map(({ error }) => error),
      [1, 1, 1],
    );
    drives.insert("hda", new MemorySource("other", sectors(1, 5)));
    const id = vm.read("hda", 0, 1);
    drives.pump();
    assert.deepEqual(vm.answers.get(id)?.bytes, sectors(1, 5));
    assert.deepEqual([slow.busy, slow.closed], [["read 0+2", "write 1+1"], false]);
    await slow.go(1);
    await slow.go(1);
    await ejected;
    assert.deepEqual([slow.bytes[SECTOR], slow.closed], [8, true]);
    await slow.go(0);
    assert.equal(vm.answers.size, 4);
  });

  test("change a medium: the machine is told first, and what it asked of the old one is answered so", async () => {
    const slow = new Slow(sectors(8, 1));
    const { vm, drives, notes, kicks } = bench({ fda: slow });
    const asked = vm.read("fda", 0, 2); // not taken yet
    drives.change("fda", new MemorySource("other.img", new Uint8Array(1000).fill(5)));
    assert.equal(vm.error(asked), DiskError.NO_MEDIUM);
    assert.deepEqual(vm.media, [["fda", 2, true]]);
    assert.match(notes[0] ?? "", /^fda: other\.img is 1000 bytes long/);
    assert.ok(kicks() > 0, "a machine that waits for the old medium is woken");
    const id = vm.read("fda", 0, 1);
    drives.pump();
    assert.deepEqual(vm.answers.get(id)?.bytes, sectors(1, 5));
    await slow.go(0);
    assert.equal(slow.closed, true);

    drives.change("fda", null);
    assert.deepEqual(vm.media.at(-1), ["fda", undefined, false]);
    const none = vm.read("fda", 0, 1);
    drives.pump();
    assert.equal(vm.error(none), DiskError.NO_MEDIUM);
    drives.change("fda", new Slow(sectors(4, 3)));
    assert.deepEqual(vm.media.at(-1), ["fda", 4, false]);
  });

  test("keep the medium if the machine refuses another", () => {
    const slow = new Slow(sectors(8, 1));
    const { vm, drives, notes } = bench({ fda: slow });
    vm.refusal = "fda: no floppy";
    const odd = new MemorySource("odd.img", new Uint8Array(1000));
    assert.throws(() => drives.change("fda", odd), { code: "bad-image", message: "fda: no floppy" });
    assert.deepEqual([notes, slow.closed], [[], false]);
    vm.read("fda", 0, 1);
    drives.pump();
    assert.deepEqual(slow.busy, ["read 0+1"]);
  });

  test("leave the machine alone once they are closed, or it has broken down", async () => {
    const slow = new Slow(sectors(8, 1));
    const { vm, drives, kicks } = bench({ hda: slow });
    vm.read("hda", 0, 1);
    drives.pump();
    vm.broken = true;
    drives.pump();
    await slow.go(0);
    vm.broken = false;
    vm.write("hda", 0, sectors(1, 3));
    drives.pump();
    const before = kicks();
    const closed = drives.close();
    await slow.go(0);
    await closed;
    vm.read("hda", 0, 1);
    drives.pump();
    assert.deepEqual([slow.bytes[0], slow.closed, vm.answers.size, kicks()], [3, true, 0, before]);
  });

  test("read a disk from a server, until its file changes: then they say so once", async () => {
    const disk = Uint8Array.from({ length: 1 << 20 }, (_, at) => at >> 9);
    let tag = '"one"';
    const server = http.createServer((request, response) => {
      const [, start, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
      const [from, end] = [Number(start), Number(last) + 1];
      const range = `bytes ${from}-${end - 1}/${disk.length}`;
      response.writeHead(206, { etag: tag, "content-range": range }).end(disk.subarray(from, end));
    });
    await new Promise((resolve) => server.listen(0, "localhost", () => resolve(undefined)));
    try {
      const address = server.address();
      const url = `http://localhost:${typeof address === "object" ? address?.port : 0}/disk`;
      const loading = { signal: new AbortController().signal, onProgress: () => {} };
      const { vm, drives, troubles } = bench({ hda: await openSource("hda", url, loading) });
      const read = async (/** @type {number} */ first) => {
        const id = vm.read("hda", first, 8);
        drives.pump();
        while (!drives.idle()) await settled();
        return vm.answers.get(id);
      };
      assert.deepEqual((await read(700))?.bytes, disk.slice(700 * SECTOR, 708 * SECTOR));
      tag = '"two"';
      for (const first of [1400, 1500, 700]) assert.equal((await read(first))?.error, DiskError.FAILED);
      assert.equal(troubles.length, 1);
      assert.match(troubles[0] ?? "", /^hda: http:.* has changed since/);
      await drives.close();
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
