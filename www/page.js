// @ts-check
/**
 * The full page around the machine: what its address asks for, and the form with the options.
 *
 * Runs before the element is defined, so that the machine starts with what the address says. Knows the element only by
 * its attributes and properties.
 *
 * @import { PageVMElement } from "./types/pagevm.js"
 */
import { sizeInWords } from "./lib/words.js";

/** What of the machine an address may set: `?memory=512&kernel=…` */
const REMOVABLE = /** @type {const} */ (["cdrom", "fda"]);
const DRIVES = /** @type {const} */ (["hda", ...REMOVABLE]);
const FROM_ADDRESS = [
  ...["machine", "kernel", "initrd", "cmdline", "memory", "multiboot", "view"],
  ...["hda", "hdb", "cdrom", "fda", "fdb", "bios", "boot"],
];
const AS_DESCRIBED = "as its file says";
const IMAGES = /** @type {const} */ (["kernel", "initrd", ...DRIVES]);

const machine = /** @type {PageVMElement} */ (document.getElementById("machine"));
const form = /** @type {HTMLFormElement} */ (document.getElementById("options"));

const address = new URLSearchParams(location.search);
// Who names a kernel of another kind does not want ours, nor its RAM disk and command line.
if (address.has("kernel")) for (const name of ["initrd", "cmdline"]) machine.removeAttribute(name);
if (["multiboot", "hda", "hdb", "cdrom", "fda", "fdb", "bios"].some((name) => address.has(name)))
  for (const name of ["kernel", "initrd", "cmdline"]) machine.removeAttribute(name);
if (address.has("machine"))
  for (const name of ["kernel", "initrd", "cmdline", "memory"]) machine.removeAttribute(name);
for (const name of FROM_ADDRESS) {
  const value = address.get(name);
  if (value !== null) machine.setAttribute(name, value);
}

/** @param {string} name */
const input = (name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name));

/** What the form goes back to. */
const defaults = Object.fromEntries(
  [...IMAGES, "machine", "cmdline", "memory"].map((name) => [name, machine.getAttribute(name)]),
);

/** What the form leaves out is then as the machine's file says. */
const described = machine.hasAttribute("machine");
if (described) {
  input("memory").required = false;
  input("memory").placeholder = "from file";
  input("cmdline").placeholder = AS_DESCRIBED;
}
input("cmdline").defaultValue = defaults.cmdline ?? "";
input("memory").defaultValue = defaults.memory ?? (described ? "" : "256");

/**
 * Whether a disk was chosen: the machine then boots by itself, unless a kernel was chosen too. It has drives for CDs and floppies,
 * as PCs have, to put something in later.
 */
const driveChosen = () => DRIVES.some((name) => input(name).files?.[0]);

/** Whether nothing else is to be booted than what the page began with. */
const isOurs = () => !input("kernel").files?.[0] && !driveChosen();

/** What is in a place where no file was chosen. @param {typeof IMAGES[number]} name @returns {string | null} "": an empty drive */
function without(name) {
  if (isOurs()) return defaults[name] ?? null;
  return driveChosen() && REMOVABLE.some((drive) => drive === name) ? "" : null;
}

/** @param {typeof IMAGES[number]} name */
function showFile(name) {
  const file = input(name).files?.[0];
  const place = /** @type {HTMLElement} */ (document.getElementById(`${name}-now`));
  const nothing = described && isOurs() ? AS_DESCRIBED : "none";
  place.textContent = file
    ? sizeInWords(file.size)
    : without(name) === ""
      ? "empty drive"
      : (without(name) ?? nothing);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  for (const name of IMAGES) machine[name] = input(name).files?.[0] ?? without(name);
  if (!isOurs()) {
    machine.multiboot = null;
    machine.removeAttribute("machine");
  } else if (defaults.machine) {
    machine.machine = defaults.machine;
  }
  for (const name of ["memory", "cmdline"]) {
    const value = input(name).value.replace(/\s*\n\s*/g, " ");
    if (value === "" && described) machine.removeAttribute(name);
    else machine.setAttribute(name, value);
  }
  machine.scrollIntoView({ block: "nearest" });
  void machine.restart();
});

const showFiles = () => IMAGES.forEach(showFile);
form.addEventListener("change", showFiles);
form.addEventListener("reset", () => setTimeout(showFiles)); // told before the fields are reset

for (const field of form.querySelectorAll(".file")) {
  // The file input takes drops by itself; this only shows that it would.
  const drag = (/** @type {boolean} */ over) => () => field.classList.toggle("dragging", over);
  field.addEventListener("dragenter", drag(true));
  field.addEventListener("dragover", drag(true));
  field.addEventListener("dragleave", drag(false));
  field.addEventListener("drop", drag(false));
}
// A file dropped beside its place must not replace the page, and the machine in it.
for (const type of ["dragover", "drop"]) {
  addEventListener(type, (event) => {
    const target = event.target;
    if (!(target instanceof HTMLInputElement && target.type === "file")) event.preventDefault();
  });
}

showFiles();
