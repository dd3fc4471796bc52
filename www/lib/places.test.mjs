import assert from "node:assert/strict";
import { test } from "node:test";
import { placesOf } from "./places.js";

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
