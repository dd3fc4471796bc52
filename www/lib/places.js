// @ts-check
/** Which drive is which: the options that give images, and the places of the board they go to. Pure. */

/** Options that put an image into a drive. */
export const DRIVES = /** @type {const} */ (["hda", "hdb", "hdc", "hdd", "cdrom", "fda", "fdb"]);

/** A CD goes to the first of these that has no disk: where most PCs have it, then where there is room. */
const FOR_CDS = /** @type {const} */ (["hdc", "hdb", "hdd", "hda"]);

/**
 * @typedef {object} Place
 * @property {string} name the machine's name for the drive
 * @property {typeof DRIVES[number]} option what the image was given as
 * @property {boolean} cdrom
 */

/**
 * The places of the images that are given, or a sentence that says why there is none.
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
