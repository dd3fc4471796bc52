// @ts-check
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { afterEach, describe, test } from "node:test";
import { missing, NEEDS } from "./needs.js";

const { validate } = WebAssembly;

describe("what the wasm needs of a browser", () => {
  afterEach(() => {
    WebAssembly.validate = validate;
  });

  test("nothing is missing where all of it is there", () => {
    assert.deepEqual(missing(), []);
  });

  test("each need has words of its own, and is asked for by a module of its own", () => {
    for (const { words, probe } of Object.values(NEEDS)) {
      WebAssembly.validate = (bytes) => bytes !== probe && validate(bytes);
      assert.deepEqual(missing(), [words]);
    }
  });

  // V8 has no SIMD where it may not use these instructions of an x86 processor.
  test("an engine without SIMD says so", { skip: process.arch !== "x64" }, () => {
    const source = `import { missing } from ${JSON.stringify(new URL("needs.js", import.meta.url).href)};
      console.log(missing().join());`;
    const args = ["--no-enable-sse4-1", "--input-type=module", "--eval", source];
    assert.equal(execFileSync(process.execPath, args, { encoding: "utf8" }), "SIMD\n");
  });

  test("every feature that the wasm is compiled with is asked for", () => {
    const config = fs.readFileSync(new URL("../../.cargo/config.toml", import.meta.url), "utf8");
    const features = [...(/target-feature=([^"]*)/.exec(config)?.[1] ?? "").matchAll(/\+([\w-]+)/g)];
    assert.ok(features.length >= 5);
    for (const [, feature] of features) assert.ok(feature && feature in NEEDS, feature);
  });
});
