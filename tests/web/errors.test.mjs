/** Whatever is wrong with an image, an option or the browser is said in words, with a code, and nothing hangs. */
import assert from "node:assert/strict";
import net from "node:net";
import { before, describe, it } from "node:test";
import { newPage, startAll, startServer, untilReady } from "./harness.mjs";

describe("errors", { timeout: 120_000 }, () => {
  let server, browser, folders;
  before(async () => {
    ({ server, browser, folders } = await startAll({
      first: (request, response) => {
        const path = request.url?.split("?")[0];
        if (path === "/cut") {
          // Announces more than it sends, then hangs up.
          response.writeHead(200, {
            "content-length": 1_000_000,
            "content-type": "application/octet-stream",
          });
          response.write(Buffer.alloc(300_000));
          setTimeout(() => response.destroy(), 50);
        } else if (path === "/broken") {
          response.writeHead(503).end();
        } else {
          return false;
        }
        return true;
      },
    }));
  });

  /** A page on which PageVM.create is tried; answers what it was refused with. */
  async function refusal(options, { url = server.url, prepare = async () => {} } = {}) {
    const { page, close } = await newPage(browser);
    await prepare(page);
    await page.goto(`${url}empty`);
    const error = await page.evaluate(async (given) => {
      const { PageVM, PageVMError } = await import("/pagevm.js");
      // Functions do not cross into the page, these words do.
      if (given.kernel === "EMPTY-BLOB") given.kernel = new Blob([]);
      try {
        await PageVM.create(given);
      } catch (thrown) {
        return { known: thrown instanceof PageVMError, code: thrown.code, message: thrown.message };
      }
      return undefined;
    }, options);
    for (let tries = 0; page.workers().length > 0; tries++) {
      assert.ok(tries < 100, "the worker of a machine that was not made is gone");
      await page.waitForTimeout(50);
    }
    await close();
    assert.ok(error, "refused");
    assert.equal(error.known, true, `a PageVMError, not: ${error.message}`);
    return error;
  }
  const kernel = "images/linux32/vmlinuz";

  it("names the image and the answer: 404", async () => {
    const { code, message } = await refusal({ kernel: "images/linux32/nothing" });
    assert.equal(code, "image-not-found");
    assert.equal(message, `kernel: ${server.url}images/linux32/nothing answered 404`);
  });

  it("names the initrd when it is the initrd", async () => {
    const { message } = await refusal({ kernel, initrd: "broken" });
    assert.equal(message, `initrd: ${server.url}broken answered 503`);
  });

  it("a host that does not answer", async () => {
    const socket = net.createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => socket.once("listening", resolve));
    const { port } = socket.address();
    await new Promise((resolve) => socket.close(resolve));
    const { code, message } = await refusal({ kernel: `http://127.0.0.1:${port}/vmlinuz` });
    assert.equal(code, "image-unreachable");
    assert.match(message, /^kernel: http:\/\/127\.0\.0\.1:\d+\/vmlinuz cannot be reached/);
  });

  it("an empty image", async () => {
    for (const empty of ["images/linux32/empty", "EMPTY-BLOB"]) {
      const { code, message } = await refusal({ kernel: empty });
      assert.equal(code, "image-empty");
      assert.match(message, /^kernel: .* is empty$/);
    }
  });

  it("a connection that breaks off", async () => {
    const { code, message } = await refusal({ kernel: "cut" });
    assert.equal(code, "image-unreachable");
    assert.match(message, /^kernel: .*\/cut broke off after \d+ (bytes|KB) of 1\.0 MB$/);
  });

  it("an image that is not as long as was said", async () => {
    const { code, message } = await refusal({ kernel: { url: kernel, size: 5_000_000 } });
    assert.equal(code, "image-too-short");
    assert.match(message, /^kernel: .* is too short: 3\.0 MB instead of 5\.0 MB$/);
  });

  it("a text file as a kernel, in the machine's own words", async () => {
    const { code, message } = await refusal({ kernel: "images/linux32/notes.txt" });
    assert.equal(code, "bad-image");
    assert.match(message, /^kernel: not a Linux kernel/);
  });

  it("options that are not there yet, by name", async () => {
    const { code, message } = await refusal({ kernel, scsi: "image" });
    assert.equal(code, "not-available");
    assert.match(message, /\bscsi is not available yet/);
  });

  it("firmware beside a kernel, and drives without a place or an image", async () => {
    const of = async (options) => {
      const { code, message } = await refusal(options);
      return `${code}: ${message}`;
    };
    assert.match(await of({ kernel, bios: "image" }), /^bad-option: bios and vgabios are for/);
    const disks = { hda: "a", hdb: "b", hdc: "c", hdd: "d", cdrom: "e" };
    assert.match(await of(disks), /^bad-option: cdrom: all four/);
    assert.match(await of({ kernel, hda: "no/such" }), /^image-not-found: hda: /);
  });

  it("options that make no sense, by name", async () => {
    for (const [options, words] of [
      [{ kernel, ramm: 1 }, /no option ramm/],
      [{ kernel, memory: "lots" }, /memory is a whole number/],
      [{ kernel, memory: -1 }, /memory is a whole number/],
      [{ kernel: 7 }, /^kernel is a URL/],
      [{ kernel: "" }, /^kernel is a URL/],
      [{ initrd: kernel }, /initrd goes with a kernel/],
      [{ kernel, multiboot: kernel }, /give one/],
    ]) {
      const { code, message } = await refusal(options);
      assert.equal(code, "bad-option");
      assert.match(message, words);
    }
  });

  it("more memory than there is", async () => {
    const { code } = await refusal({ kernel, memory: 65536 });
    assert.equal(code, "no-memory");
  });

  it("a security policy that forbids WebAssembly", async () => {
    const strict = await startServer({
      ...folders,
      headers: { "content-security-policy": "script-src 'self'" },
    });
    const { code, message } = await refusal({ kernel }, { url: strict.url });
    assert.equal(code, "wasm-refused");
    assert.match(message, /content security policy .* forbids WebAssembly/);
    assert.match(message, /'wasm-unsafe-eval'/);
  });

  it("a policy in the page alone does not keep the worker from it", async () => {
    const { page, close } = await newPage(browser);
    await page.route("**/empty", (route) =>
      route.fulfill({
        contentType: "text/html",
        body: `<!doctype html><meta http-equiv="content-security-policy" content="script-src 'self' 'unsafe-inline'">
          <script type="module" src="pagevm.js"></script><page-vm kernel="${kernel}" autostart></page-vm>`,
      }),
    );
    await page.goto(`${server.url}empty`);
    await untilReady(page);
    await close();
  });

  // Workers have a global of their own: what a test takes away, it takes away in the worker's script.
  const inWorker = (script) => (page) =>
    page.context().route("**/worker.js", async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: `${script};${await response.text()}` });
    });

  it("a browser without WebAssembly", async () => {
    const { code, message } = await refusal(
      { kernel },
      { prepare: inWorker("delete globalThis.WebAssembly") },
    );
    assert.equal(code, "wasm-refused");
    assert.match(message, /no WebAssembly/);
  });

  it("a browser whose WebAssembly lacks what ours needs", async () => {
    const prepare = inWorker("WebAssembly.validate = (bytes) => !bytes.includes(0xfd)"); // SIMD's prefix
    const { code, message } = await refusal({ kernel }, { prepare });
    assert.equal(code, "wasm-refused");
    assert.match(message, /^this browser's WebAssembly lacks SIMD; PageVM needs Chrome .* or later$/);

    const { page, close } = await newPage(browser);
    await prepare(page);
    await page.goto(server.url);
    await page.getByRole("alert").filter({ hasText: message }).waitFor();
    await close();
  });

  it("wasm code that is missing or damaged", async () => {
    for (const [fulfil, code, words] of [
      [{ status: 404 }, "worker-failed", /pagevm_web_bg\.wasm answered 404/],
      [{ status: 200, body: "not wasm" }, "wasm-refused", /refused PageVM's WebAssembly code/],
    ]) {
      const prepare = (page) => page.context().route("**/*.wasm", (route) => route.fulfill(fulfil));
      const refused = await refusal({ kernel }, { prepare });
      assert.equal(refused.code, code);
      assert.match(refused.message, words);
    }
  });

  it("a worker's script that is missing", async () => {
    const prepare = (page) => page.context().route("**/worker.js", (route) => route.fulfill({ status: 404 }));
    const { code, message } = await refusal({ kernel }, { prepare });
    assert.equal(code, "worker-failed");
    assert.match(message, /worker\.js/);
  });

  it("a machine's file that is missing or wrong: its name, the key and the reason", async () => {
    const { page, close } = await newPage(browser);
    const files = {
      "/m/json": "{ memory: 5 }",
      "/m/type": '{"memory":"5"}',
      "/m/key": '{"ram":5}',
      "/m/empty": "",
    };
    await page.route("**/m/*", (route) => {
      const body = files[new URL(route.request().url()).pathname];
      return route.fulfill(body === undefined ? { status: 404 } : { body });
    });
    for (const [name, words] of [
      ["m/none", "machine: URL answered 404"],
      ["m/empty", "machine: URL is empty"],
      ["m/json", "machine: URL: it is not JSON: "],
      ["m/type", 'machine: URL: memory is a whole number of megabytes, not "5"'],
      ["m/key", "machine: URL: there is no option ram of a machine"],
    ]) {
      await page.goto(`${server.url}?machine=${name}`);
      const text = words.replace("URL", `${server.url}${name}`);
      await page.getByRole("alert").filter({ hasText: text }).waitFor();
    }
    await close();
  });

  it("in the element too: in words, announced, with a way on", async () => {
    const { page, close } = await newPage(browser);
    await page.goto(`${server.url}?kernel=images/linux32/notes.txt`);
    await page.waitForSelector('page-vm[state="failed"]');
    const alert = page.getByRole("alert").filter({ hasText: "kernel: not a Linux kernel" });
    await alert.waitFor();
    await page.evaluate(() =>
      document.querySelector("page-vm").setAttribute("kernel", "images/linux32/vmlinuz"),
    );
    await page.getByRole("button", { name: "Try again" }).click();
    await untilReady(page);
    await close();
  });
});
