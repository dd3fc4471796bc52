// @ts-check
/** The terminal of the serial console, in a file of its own: pages that show no console do not download it. */
import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import xtermCss from "@xterm/xterm/css/xterm.css";

export const css = xtermCss;

/** A guest that is told nothing better takes its terminal to be this wide. */
const COLUMNS = 80;
/** The largest at which the columns fit; on places too narrow for any of them, the one that can be read. */
const FONT_SIZES = [14, 13, 12, 11];
const READABLE = 12;

/** Lets the page do its other work. */
const pause = () =>
  new Promise((/** @type {(value?: unknown) => void} */ resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });

/**
 * Makes a terminal, step by step.
 * @param {HTMLElement} place
 * @param {{ onInput: (text: string) => void, onKey: (event: KeyboardEvent) => boolean }} hooks `onKey`: whether the key is
 *   the terminal's
 */
export async function openTerminal(place, { onInput, onKey }) {
  await pause();
  const terminal = new Terminal({
    convertEol: false,
    cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    fontFamily: getComputedStyle(place).getPropertyValue("--mono"),
    fontSize: READABLE,
    lineHeight: 1.2,
    minimumContrastRatio: 4.5,
    screenReaderMode: false,
    scrollback: 5000,
    theme: {
      background: "#0b0e14",
      foreground: "#d8dee9",
      cursor: "#8ab4ff",
      cursorAccent: "#0b0e14",
      selectionBackground: "#2f4468",
      black: "#1c2230",
      red: "#f47c7c",
      green: "#7fd19b",
      yellow: "#e8c37a",
      blue: "#82aaff",
      magenta: "#c99bf5",
      cyan: "#7ad3e0",
      white: "#d8dee9",
      brightBlack: "#7d8799",
      brightRed: "#ff9d9d",
      brightGreen: "#a5e8bd",
      brightYellow: "#ffdb9a",
      brightBlue: "#a9c5ff",
      brightMagenta: "#dfbfff",
      brightCyan: "#a4ebf5",
      brightWhite: "#ffffff",
    },
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  await pause();
  terminal.open(place);
  terminal.attachCustomKeyEventHandler(onKey);
  terminal.onData(onInput);
  if (terminal.textarea) terminal.textarea.ariaLabel = "Serial console of the machine (COM1)";

  const fitToPlace = () => {
    const { clientWidth, clientHeight } = place;
    if (clientWidth === 0 || clientHeight === 0) return; // not on show
    if (clientWidth !== fitted) {
      fitted = clientWidth;
      // Each size that is tried costs a layout: the first try is by proportion, and nearly always right.
      const size = terminal.options.fontSize ?? READABLE;
      const largest = (size * (fit.proposeDimensions()?.cols ?? 0)) / COLUMNS;
      const guess = FONT_SIZES.findIndex((each) => each <= largest);
      if (guess >= 0 || size !== READABLE)
        terminal.options.fontSize = FONT_SIZES.slice(Math.max(guess, 0)).find(fits) ?? READABLE;
    }
    fit.fit();
  };
  let fitted = 0;
  const fits = (/** @type {number} */ size) => {
    if (terminal.options.fontSize !== size) terminal.options.fontSize = size;
    return (fit.proposeDimensions()?.cols ?? 0) >= COLUMNS;
  };
  await pause();
  fitToPlace();
  await pause();
  const observer = new ResizeObserver(fitToPlace);
  observer.observe(place);

  return {
    /** @type {import("./terminal-feed.js").Write} `done` is called in a task of its own */
    write: (bytes, done) => {
      let began = 0;
      terminal.write("", () => (began = performance.now())); // in the very task that the bytes are dealt with
      terminal.write(bytes, () => {
        const took = performance.now() - began;
        void pause().then(() => done(took));
      });
    },
    clear: () => terminal.reset(),
    focus: () => terminal.focus(),
    /** What is in the terminal, line by line. */
    text: () => {
      const { active } = terminal.buffer;
      const lines = Array.from(
        { length: active.length },
        (_, at) => active.getLine(at)?.translateToString(true) ?? "",
      );
      return lines.join("\n").trimEnd();
    },
    close: () => {
      observer.disconnect();
      terminal.dispose();
    },
  };
}
