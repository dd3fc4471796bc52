// @ts-check
/**
 * What the VMM's wasm needs of a browser beyond WebAssembly's first version, each as a tiny module that a browser
 * without it calls invalid. Asked before the VMM is compiled: a browser that lacks something would otherwise say no more
 * than that some byte is an invalid opcode.
 *
 * Validating compiles nothing, so that no security policy forbids it. Absent: what translated code can use but need not
 * have, such as tail calls; crate/web asks for that itself.
 */

/**
 * A module with one function, of type [] → [].
 * @param {number[]} body its code, without the end
 * @param {number[]} [sections] those between the function's and the code's
 */
const moduleOf = (body, sections = []) =>
  new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // "\0asm", version 1
    ...[1, 4, 1, 0x60, 0, 0], // one type: [] → []
    ...[3, 2, 1, 0], // one function of it
    ...sections,
    ...[10, body.length + 4, 1, body.length + 2, 0, ...body, 0x0b],
  ]);

const ZERO = [0x41, 0]; // i32.const 0
const DROP = 0x1a;

/**
 * By the names that .cargo/config.toml and rustc give them.
 * @type {Record<string, { words: string, probe: Uint8Array<ArrayBuffer> }>}
 */
export const NEEDS = {
  simd128: { words: "SIMD", probe: moduleOf([...ZERO, 0xfd, 0x0f, DROP]) }, // i8x16.splat
  "bulk-memory": {
    words: "bulk memory operations",
    probe: moduleOf([...ZERO, ...ZERO, ...ZERO, 0xfc, 0x0b, 0], [5, 3, 1, 0, 0]), // memory.fill
  },
  "sign-ext": { words: "sign extension", probe: moduleOf([...ZERO, 0xc0, DROP]) }, // i32.extend8_s
  "nontrapping-fptoint": {
    words: "saturating conversions",
    probe: moduleOf([0x43, 0, 0, 0, 0, 0xfc, 0x00, DROP]), // i32.trunc_sat_f32_s
  },
  "mutable-globals": {
    words: "mutable globals",
    probe: moduleOf([], [6, 6, 1, 0x7f, 1, ...ZERO, 0x0b, 7, 5, 1, 1, 0x67, 3, 0]), // one, exported
  },
  "reference-types": {
    words: "reference types",
    probe: moduleOf([0xd0, 0x6f, DROP]), // ref.null extern
  },
};

/** What of it is missing here, in words. */
export const missing = () =>
  Object.values(NEEDS)
    .filter(({ probe }) => !WebAssembly.validate(probe))
    .map(({ words }) => words);
