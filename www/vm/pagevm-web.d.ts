/**
 * The wasm crate as its JavaScript sees it; www/build.mjs puts build/wasm/pagevm_web.js in its place, the tests of the
 * shell a double of it. wasm-interface.md says what each call does.
 */
declare module "pagevm-web" {
  export default function init(from: {
    module_or_path:
      WebAssembly.Module | Response | Promise<Response> | ArrayBuffer | Uint8Array | URL | string;
  }): Promise<unknown>;

  export class Vm {
    constructor(options: object);
    free(): void;
    loadLinux(kernel: Uint8Array, initrd: Uint8Array | undefined, cmdline: string): void;
    loadMultiboot(
      image: Uint8Array,
      cmdline: string,
      modules: { bytes: Uint8Array; cmdline: string }[],
    ): void;
    run(nowMs: number, budgetMs: number): number;
    idleMs(): number;
    exitValue(): number;
    serialOutput(port: number): Uint8Array<ArrayBuffer>;
    serialInput(port: number, bytes: Uint8Array): number;
    debugOutput(): Uint8Array<ArrayBuffer>;
    textColumns(): number;
    textCells(): Uint16Array<ArrayBuffer>;
    textCursor(): number;
    static sectorsOfDisk(drive: string, sectors: number): number;
    takeDiskRequests(): import("./drives.js").DiskRequest[];
    answerDisk(drive: string, id: number, bytes: Uint8Array | null | undefined, error: number): void;
    changeMedium(drive: string, sectors: number | undefined, readOnly: boolean): void;
    loadFirmware(bios: Uint8Array, vgabios?: Uint8Array): void;
    log(): string;
    key(code: string, down: boolean): boolean;
    mouse(dx: number, dy: number, wheel: number, buttons: number): void;
    powerButton(): void;
    reset(): void;
    frame(): boolean;
    frameWidth(): number;
    frameHeight(): number;
    framePixels(): Uint8ClampedArray<ArrayBuffer>;
    copyFrame(into: Uint8ClampedArray): boolean;
    screenText(): string;
    instructions(): number;
    virtualMs(): number;
    hashes(): string;
    stateHash(): string;
    stats(): string;
    dumpRegion(address: number): string;
    save(): Uint8Array<ArrayBuffer>;
    restore(bytes: Uint8Array): void;
  }
}
