// @ts-check
/** @import { DriveSource } from "./drive-source.js" */
import assert from "node:assert/strict";
import http from "node:http";
import { after, before, beforeEach, describe, test } from "node:test";
import { openSource } from "./drive-source.js";
import { openUrl } from "./url-source.js";

const BLOCK = 256 * 1024;
const SIZE = 5 * BLOCK + 1000;

/** @param {number} size @param {number} [salt] */
const contents = (size, salt = 0) =>
  Uint8Array.from({ length: size }, (_, at) => (at * 31 + (at >> 8) * 7 + salt) & 0xff);

const loading = () => ({
  signal: new AbortController().signal,
  onProgress: (/** @type {{ image: string, loaded: number, total: number }} */ _) => {},
});

/**
 * @param {DriveSource} source
 * @param {Uint8Array} bytes
 * @param {number} offset
 * @param {number} length
 */
async function check(source, bytes, offset, length) {
  const read = await source.read(offset, length);
  assert.ok(Buffer.from(read).equals(bytes.subarray(offset, offset + length)), `${length} at ${offset}`);
}

describe("a source in memory or in a file", () => {
  const bytes = contents(100_000);

  test("gives bytes at once, without a copy", async () => {
    for (const image of [bytes, bytes.slice().buffer]) {
      const source = await openSource("hda", image, loading());
      assert.deepEqual([source.size, source.readOnly, source.name], [100_000, true, "the image"]);
      assert.ok(source.read(5, 10) instanceof Uint8Array);
      await check(source, bytes, 99_000, 1000);
    }
    const source = await openSource("hda", bytes, loading());
    assert.equal(/** @type {Uint8Array} */ (source.read(5, 10)).buffer, bytes.buffer);
  });

  test("reads files piece by piece", async () => {
    const file = new File([bytes], "disk.img");
    const handle = /** @type {const} */ ({ kind: "file", getFile: () => Promise.resolve(file) });
    for (const image of [file, handle]) {
      const source = await openSource("hda", image, loading());
      assert.deepEqual([source.size, source.readOnly, source.name], [100_000, true, "“disk.img”"]);
      await check(source, bytes, 60_000, 10_000);
      await check(source, bytes, 0, 100_000);
      await source.close();
    }
  });

  test("says that a file is gone", async () => {
    const file = new File([bytes], "disk.img");
    file.slice = () =>
      Object.assign(new Blob(), {
        arrayBuffer: () => Promise.reject(new DOMException("cannot be read", "NotReadableError")),
      });
    const source = await openSource("hda", file, loading());
    await assert.rejects(async () => source.read(0, 10), {
      code: "image-changed",
      message: "hda: “disk.img” cannot be read any more: changed, moved or deleted, perhaps (cannot be read)",
    });
    const handle = /** @type {const} */ ({ kind: "file", getFile: () => Promise.reject(new Error("gone")) });
    await assert.rejects(openSource("hda", handle, loading()), {
      code: "image-unreachable",
      message: "hda: the file cannot be opened: gone",
    });
  });

  test("refuses what is empty, by name", async () => {
    const empty = { code: "image-empty", message: "cdrom: the image is empty" };
    for (const image of [new Uint8Array(0), new ArrayBuffer(0), new Blob()]) {
      await assert.rejects(openSource("cdrom", image, loading()), empty);
    }
    const signal = AbortSignal.abort();
    const given = openSource("hda", bytes, { signal, onProgress: () => {} });
    await assert.rejects(given, { code: "aborted" });
  });
});

describe("a source behind a URL", () => {
  /** @type {http.Server} */
  let server;
  let base = "";
  const one = { bytes: contents(SIZE), etag: '"one"', modified: "Mon, 01 Jan 2024 00:00:00 GMT" };
  let file = one;
  /** The ranges asked for, "" for none. @type {string[]} */
  let asked = [];
  /**
   * How the server behaves. `first` may answer instead.
   * @type {{ ranges: boolean, hide: string[], first?: ((request: http.IncomingMessage, response: http.ServerResponse) => boolean) | undefined }}
   */
  let manners = { ranges: true, hide: [] };

  /** @param {http.IncomingMessage} request @param {http.ServerResponse} response */
  function answer(request, response) {
    const range = request.headers.range ?? "";
    asked.push(range);
    if (manners.first?.(request, response)) return;
    const headers = { etag: file.etag, "last-modified": file.modified };
    for (const [name, value] of Object.entries(headers)) {
      if (!manners.hide.includes(name)) response.setHeader(name, value);
    }
    const match = /^bytes=(\d+)-(\d+)$/.exec(range);
    if (!match || !manners.ranges) {
      response.end(file.bytes);
      return;
    }
    const [start, last] = [Number(match[1]), Number(match[2])];
    const total = file.bytes.length;
    if (start >= total) {
      response.writeHead(416, { "content-range": `bytes */${total}` }).end();
      return;
    }
    const end = Math.min(last + 1, total);
    response.statusCode = 206;
    if (!manners.hide.includes("content-range")) {
      response.setHeader("content-range", `bytes ${start}-${end - 1}/${total}`);
    }
    response.end(file.bytes.subarray(start, end));
  }

  before(async () => {
    server = http.createServer(answer);
    await new Promise((resolve) => server.listen(0, "localhost", () => resolve(undefined)));
    const address = server.address();
    base = `http://localhost:${typeof address === "object" ? address?.port : 0}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    file = { ...one };
    asked = [];
    manners = { ranges: true, hide: [] };
  });

  const quick = { patience: { retryMs: [5, 10], stallMs: 150 } };
  const open = (/** @type {import("../types/pagevm.js").ImageSource} */ image = `${base}/disk.img`) =>
    openUrl("hda", image, loading(), quick);

  test("reads only what is wanted", async () => {
    const source = await openSource("hda", new URL(`${base}/disk.img`), loading());
    assert.deepEqual([source.size, source.readOnly, source.name], [SIZE, true, `${base}/disk.img`]);
    assert.ok(source.read(1000, 5000) instanceof Uint8Array, "the first block is here");
    await check(source, file.bytes, 3 * BLOCK - 5, 10);
    await check(source, file.bytes, SIZE - 1000, 1000);
    assert.deepEqual(asked, [
      `bytes=0-${BLOCK - 1}`,
      `bytes=${2 * BLOCK}-${4 * BLOCK - 1}`,
      `bytes=${5 * BLOCK}-${SIZE - 1}`,
    ]);
    await source.close();
    await assert.rejects(async () => source.read(0, 10), { message: `hda: ${base}/disk.img is closed` });
  });

  test("takes a file smaller than a block, and one that ends with a block", async () => {
    for (const size of [1, 1000, BLOCK, 2 * BLOCK]) {
      file.bytes = contents(size);
      const source = await open();
      assert.equal(source.size, size);
      await check(source, file.bytes, 0, size);
    }
  });

  test("loads all of it, with progress, where the server knows no ranges", async () => {
    manners.ranges = false;
    /** @type {number[]} */
    const loaded = [];
    const progress = {
      signal: new AbortController().signal,
      onProgress: (/** @type {{ image: string, loaded: number, total: number }} */ detail) => {
        assert.equal(detail.image, "hda");
        loaded.push(detail.loaded);
      },
    };
    const source = await openUrl("hda", `${base}/disk.img`, progress, quick);
    assert.equal(loaded.at(-1), SIZE);
    await check(source, file.bytes, 0, SIZE);
    assert.equal(asked.length, 1);
  });

  test("needs the size where the server does not show it, or loads all of it", async () => {
    manners.hide = ["content-range", "etag"];
    const source = await open({ url: `${base}/disk.img`, size: SIZE });
    await check(source, file.bytes, 2 * BLOCK, 10);
    assert.equal(asked.length, 2);
    const whole = await open();
    await check(whole, file.bytes, 0, SIZE);
    assert.deepEqual(asked.slice(2), [`bytes=0-${BLOCK - 1}`, ""]);
  });

  test("asks without a range where ranges are refused", async () => {
    for (const status of [416, 403, 501, 0]) {
      manners.first = (request, response) => {
        if (!request.headers.range) return false;
        if (status) response.writeHead(status).end();
        else request.socket.destroy();
        return true;
      };
      const source = await open();
      await check(source, file.bytes, 0, SIZE);
    }
  });

  test("refuses what is not there, empty or of another size, in words", async () => {
    const url = `${base}/disk.img`;
    file.bytes = new Uint8Array(0);
    const empty = { code: "image-empty", message: `hda: ${url} is empty` };
    await assert.rejects(open(), empty);
    manners.ranges = false;
    await assert.rejects(open(), empty);
    for (const ranges of [true, false]) {
      manners.ranges = ranges;
      file.bytes = contents(3000);
      const message = `hda: ${url} is too short: 3 KB instead of 4 KB`;
      await assert.rejects(open({ url, size: 4000 }), { code: "image-too-short", message });
    }
    manners.first = (_, response) => !!response.writeHead(404).end();
    await assert.rejects(open(), { code: "image-not-found", message: `hda: ${url} answered 404` });
    manners.first = (request) => !!request.socket.destroy();
    await assert.rejects(open(), { code: "image-unreachable", message: /cannot be reached/ });
    manners.first = (_, response) => {
      response.writeHead(206, { "content-range": `bytes 0-${BLOCK - 1}/${SIZE}` }).end("short");
      return true;
    };
    await assert.rejects(open(), { code: "image-too-short", message: /not its first/ });
  });

  test("can be given up while it is opened", async () => {
    const giveUp = new AbortController();
    manners.first = () => (giveUp.abort(), true);
    const opened = openUrl("hda", `${base}/disk.img`, { signal: giveUp.signal, onProgress: () => {} });
    await assert.rejects(opened, { code: "aborted" });
  });

  const changes = {
    "its tag": () => (file.etag = '"two"'),
    "its date": () => (file.modified = "Tue, 02 Jan 2024 00:00:00 GMT"),
    "its length": () => (file.bytes = contents(SIZE + 1, 1)),
    "so much that what is asked for is gone": () => (file.bytes = contents(100)),
    "and ranges are no more": () => {
      file.etag = '"two"';
      manners.ranges = false;
    },
  };
  for (const [what, change] of Object.entries(changes)) {
    test(`reads nothing more from a file that has changed: ${what}`, async () => {
      const source = await open();
      change();
      const changed = {
        code: "image-changed",
        message: `hda: ${base}/disk.img has changed since the machine was given it; nothing more is read from it`,
      };
      await assert.rejects(async () => source.read(3 * BLOCK, 10), changed);
      const { length } = asked;
      await assert.rejects(async () => source.read(0, 10), changed);
      assert.equal(asked.length, length, "no further request");
    });
  }

  /** Answers a few times with a fault. @type {Record<string, (request: http.IncomingMessage, response: http.ServerResponse) => unknown>} */
  const faults = {
    "breaks the connection": (request) => request.socket.destroy(),
    "breaks off": (request, response) => {
      response.writeHead(206, { "content-length": BLOCK });
      response.write(file.bytes.subarray(0, 100), () => request.socket.destroy());
    },
    "ends too early": (_, response) => response.writeHead(206).end(file.bytes.subarray(0, 100)),
    "is overloaded": (_, response) => response.writeHead(503).end(),
    "says nothing": () => {},
    stalls: (_, response) => response.writeHead(206).write(file.bytes.subarray(0, 100)),
  };
  for (const [what, fault] of Object.entries(faults)) {
    test(`tries again when the server ${what}`, async () => {
      const source = await open();
      let left = 2;
      manners.first = (request, response) => left-- > 0 && (fault(request, response), true);
      await check(source, file.bytes, 3 * BLOCK, 10);
      left = 3;
      await assert.rejects(async () => source.read(BLOCK, 10), { code: "image-unreachable" });
      await check(source, file.bytes, BLOCK, 10);
    });
  }

  test("waits for a slow server that goes on", async () => {
    const source = await open();
    manners.first = (_, response) => {
      response.writeHead(206);
      const pieces = [0, 1, 2, 3].map((n) =>
        file.bytes.subarray(BLOCK + (n * BLOCK) / 4).subarray(0, BLOCK / 4),
      );
      const next = () => {
        const piece = pieces.shift();
        if (!piece) return void response.end();
        response.write(piece);
        return void setTimeout(next, 60);
      };
      next();
      return true;
    };
    await check(source, file.bytes, BLOCK, BLOCK);
    assert.equal(asked.length, 2);
  });

  test("fails at once where trying again is of no use", async () => {
    const source = await open();
    for (const [status, code] of /** @type {const} */ ([
      [404, "image-not-found"],
      [403, "image-unreachable"],
    ])) {
      asked = [];
      manners.first = (_, response) => !!response.writeHead(status).end();
      const message = `hda: ${base}/disk.img answered ${status}`;
      await assert.rejects(async () => source.read(BLOCK, 10), { code, message });
      assert.equal(asked.length, 1);
    }
    manners = { ranges: false, hide: [] };
    await assert.rejects(async () => source.read(BLOCK, 10), { message: /does not answer ranges any more/ });
    manners = { ranges: true, hide: [], first: (_, response) => !!response.writeHead(206).end(file.bytes) };
    await assert.rejects(async () => source.read(BLOCK, 10), { message: /more than it was asked for/ });
    manners.first = (_, response) => {
      response.writeHead(206, { "content-range": `bytes 0-9/${SIZE}` }).end(file.bytes.subarray(0, 10));
      return true;
    };
    await assert.rejects(async () => source.read(BLOCK, 10), { message: /another range/ });
    manners.first = undefined;
    await check(source, file.bytes, BLOCK, 10);
  });

  test("fails what is on its way when it is closed", async () => {
    const source = await open();
    manners.first = () => true;
    const reads = [source.read(BLOCK, 10), source.read(4 * BLOCK, 10)];
    setTimeout(() => void source.close(), 20);
    for (const read of reads) await assert.rejects(async () => read, { message: /is closed/ });
    assert.equal(asked.length, 3);
  });

  test("keeps no more than it may, and reads ahead", async () => {
    const settings = { ...quick, shape: { limit: 2 * BLOCK, ahead: 2 } };
    const source = await openUrl("hda", `${base}/disk.img`, loading(), settings);
    for (let offset = 0; offset + 4096 <= SIZE; offset += 4096) await check(source, file.bytes, offset, 4096);
    await check(source, file.bytes, 5 * BLOCK, 1000);
    assert.ok(asked.length <= 6, `${asked.length} requests for 6 blocks`);
    asked = [];
    await check(source, file.bytes, 0, 10);
    assert.equal(asked.length, 1);
  });
});
