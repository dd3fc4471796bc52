// @ts-check
/** Which drive is which: the options that give images, and the places of the board they go to. Pure. */

/** Options that put an image into a drive. */
export const DRIVES = /** @type {const} */ (["hda", "hdb", "hdc", "hdd", "cdrom", "fda", "fdb"]);

/** Those of drives whose media can be changed. @type {readonly string[]} */
export const REMOVABLE = ["cdrom", "fda", "fdb"];

/** What a drive is whose option is called so. @param {string} option @returns {"disk" | "cdrom" | "floppy"} */
export const kindOf = (option) =>
  option === "cdrom" ? "cdrom" : option.startsWith("fd") ? "floppy" : "disk";

/** Whether an option asks for a drive with nothing in it. @param {unknown} value @returns {value is { empty: true }} */
export const isEmptyDrive = (value) =>
  typeof value === "object" &&
  value !== null &&
  "empty" in value &&
  value.empty === true &&
  Object.keys(value).length === 1;

/** A CD goes to the first of these that has no disk: where most PCs have it, then where there is room. */
const FOR_CDS = /** @type {const} */ (["hdc", "hdb", "hdd", "hda"]);

/**
 * @typedef {object} Place
 * @property {string} name the machine's name for the drive
 * @property {typeof DRIVES[number]} option what the image was given as
 * @property {boolean} cdrom
 */

/**
 * The places of the drives that are given, or a sentence that says why there is none.
 * @param {(option: string) => boolean} given
 * @returns {Place[] | string}
 */
export function placesOf(given) {
  const places = [];
  for (const option of DRIVES) {
    if (!given(option)) continue;
    const name = option === "cdrom" ? FOR_CDS.find((place) => !given(place)) : option;
    if (name === undefined)
      return "cdrom: all four IDE drives are disks: there is no place for a CD-ROM drive";
    places.push({ name, option, cdrom: option === "cdrom" });
  }
  return places;
}

/**
 * The drive whose medium is to be changed, by its option or by the machine's name for it; or a sentence that says why that
 * cannot be.
 * @template {Place} P
 * @param {readonly P[]} drives those of the machine
 * @param {unknown} drive
 * @returns {P | string}
 */
export function removableOf(drives, drive) {
  const found = drives.find(({ option }) => option === drive) ?? drives.find(({ name }) => name === drive);
  if (found && REMOVABLE.includes(found.option)) return found;
  const name = String(drive);
  if (REMOVABLE.includes(name))
    return `${name}: the machine has no such drive (${name}: { empty: true } makes one with nothing in it)`;
  if (DRIVES.some((option) => option === name))
    return `${name}: a hard disk stays in the machine; media are changed in ${REMOVABLE.join(", ")}`;
  return `there is no drive ${name}: media are changed in ${REMOVABLE.join(", ")}`;
}
