// @ts-check
/**
 * What page and worker say to each other. Types only; both halves are checked against them.
 *
 * The page sends *requests*, each answered by one *reply* with its number, and *notes*, which nobody answers (input is
 * too frequent for it). The worker sends *events* on its own. Large things cross by transfer, not by copy.
 *
 * @import { PlainError } from "../lib/error.js"
 * @import { KeyMove } from "../lib/keys.js"
 * @import { ImageSource, ProgressDetail, StateDetail, TroubleDetail } from "../types/pagevm.js"
 */

/**
 * A picture: `pixels` is RGBA, row by row.
 * @typedef {{ width: number, height: number, pixels: Uint8ClampedArray<ArrayBuffer> }} Frame
 */

/**
 * A part of a picture and where in it that belongs. The buffer may be longer than the part; it goes back with the next wish.
 * @typedef {object} Patch
 * @property {{ width: number, height: number }} of the size of the whole picture
 * @property {{ x: number, y: number, width: number, height: number }} part
 * @property {ArrayBuffer} buffer its pixels first: RGBA, row by row
 */

/**
 * What a screen says over its port, on which patches come: it has drawn what it had and takes another picture, whose pixels
 * come in `buffer` if that is large enough; or it is no more.
 * @typedef {{ buffer: ArrayBuffer } | { closed: true }} ScreenNote
 */

/**
 * What the machine boots. The bytes are the worker's from then on.
 * @typedef {{ kind: "linux", kernel: Uint8Array, initrd: Uint8Array | undefined, cmdline: string }
 *   | { kind: "multiboot", image: Uint8Array, cmdline: string, modules: { bytes: Uint8Array, cmdline: string }[] }
 *   | { kind: "firmware", bios: Uint8Array, vgabios: Uint8Array }
 *   | { kind: "nothing" }} Boot
 */

/**
 * A drive and the image in it, whose URL is absolute: the worker opens it. `null`: there is nothing in it.
 * @typedef {import("../lib/places.js").Place & { image: ImageSource | null }} DriveImage
 */

/**
 * What each request takes and what its reply holds.
 * @typedef {object} Requests
 * @property {{ args: { module: WebAssembly.Module | undefined, wasmUrl: string }, value: void }} load the wasm code;
 *   without `module` the worker fetches it
 * @property {{ args: { options: Record<string, unknown>, boot: Boot, drives: DriveImage[] }, value: void }} build
 * @property {{ args: { drive: DriveImage }, value: void }} changeMedium
 * @property {{ args: void, value: void }} run
 * @property {{ args: void, value: void }} pause
 * @property {{ args: void, value: void }} reset
 * @property {{ args: { force: boolean }, value: void }} power
 * @property {{ args: { port: number, bytes: Uint8Array }, value: void }} serial
 * @property {{ args: { moves: KeyMove[] }, value: void }} type keys at the pace of a quick typist
 * @property {{ args: void, value: string }} screenText
 * @property {{ args: void, value: Frame }} picture
 * @property {{ args: void, value: string }} stats JSON
 * @property {{ args: { address: number }, value: string }} dumpRegion
 * @property {{ args: void, value: string }} stateHash
 * @property {{ args: void, value: Uint8Array<ArrayBuffer> }} save
 * @property {{ args: { bytes: Uint8Array }, value: void }} restore
 */

/**
 * What a guest says comes in pieces: 0 and 1 are its serial ports.
 * @typedef {0 | 1 | "debug"} Stream
 */

/**
 * `screen`: there is one more. `taken`: the page has dealt with a piece of what the guest said and takes the next.
 * @typedef {{ note: "key", code: string, down: boolean }
 *   | { note: "mouse", dx: number, dy: number, wheel: number, buttons: number }
 *   | { note: "screen", port: MessagePort }
 *   | { note: "taken", stream: Stream }} Note
 */

/**
 * @template {keyof Requests} K
 * @typedef {{ id: number, request: K, args: Requests[K]["args"] }} Request
 */

/** @typedef {{ [K in keyof Requests]: Request<K> }[keyof Requests]} AnyRequest */

/** @typedef {{ id: number, value: unknown } | { id: number, error: PlainError }} Reply */

/**
 * `hello`: the worker's script runs. `refused`: a message could not be read here (a module of another kind of page).
 * @typedef {{ event: "hello" }
 *   | { event: "refused" }
 *   | { event: "failed", error: PlainError }
 *   | { event: "serial", port: number, bytes: Uint8Array }
 *   | { event: "debug", bytes: Uint8Array }
 *   | { event: "log", text: string }
 *   | { event: "hash", text: string }
 *   | { event: "progress", detail: ProgressDetail }
 *   | { event: "trouble", detail: TroubleDetail }
 *   | { event: "state", detail: StateDetail }} WorkerEvent
 */

export {};
