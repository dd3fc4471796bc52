import assert from "node:assert/strict";
import { test } from "node:test";
import { isEmptyDrive, kindOf, placesOf, removableOf } from "./places.js";

const places = (...given) => placesOf((option) => given.includes(option));

test("a CD-ROM drive is the first on the second cable, or where there is room", () => {
  const cdrom = (name) => ({ name, option: "cdrom", cdrom: true });
  assert.deepEqual(places("cdrom"), [cdrom("hdc")]);
  assert.deepEqual(places("hda", "hdc", "cdrom").at(-1), cdrom("hdb"));
  assert.deepEqual(places("hda", "hdb", "hdc", "cdrom").at(-1), cdrom("hdd"));
  assert.match(/** @type {string} */ (places("hda", "hdb", "hdc", "hdd", "cdrom")), /no place/);
});

test("disks and floppies are where their names say", () => {
  assert.deepEqual(places("fdb", "hda"), [
    { name: "hda", option: "hda", cdrom: false },
    { name: "fdb", option: "fdb", cdrom: false },
  ]);
  assert.deepEqual(places(), []);
});

test("media are changed in drives for them that are there, and in no other", () => {
  const drives = /** @type {import("./places.js").Place[]} */ (places("hda", "cdrom", "fda"));
  const [, cdrom, fda] = drives;
  assert.equal(removableOf(drives, "fda"), fda);
  assert.equal(removableOf(drives, "cdrom"), cdrom);
  assert.equal(removableOf(drives, "hdc"), cdrom, "as the machine calls it");
  assert.match(String(removableOf(drives, "fdb")), /^fdb: the machine has no such drive/);
  assert.match(String(removableOf(drives, "hda")), /^hda: a hard disk stays/);
  assert.match(String(removableOf(drives, "hdd")), /^hdd: a hard disk stays/);
  assert.match(String(removableOf(drives, 7)), /^there is no drive 7/);
});

test("what a drive is, and that it is to be empty", () => {
  assert.deepEqual(["hda", "cdrom", "fda", "fdb"].map(kindOf), ["disk", "cdrom", "floppy", "floppy"]);
  assert.deepEqual(
    [{ empty: true }, { empty: false }, { empty: true, url: "x" }, null, "", undefined].map(isEmptyDrive),
    [true, false, false, false, false, false],
  );
});
