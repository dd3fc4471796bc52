// @ts-check
/** The shape in which a picture is shown. */

/**
 * How wide a picture is shown for its height. VGA's graphics modes fill a screen of 4:3 whatever their dots; 640x400, which
 * is also 320x200 and 640x200, and 640x350 are then higher than their dots say. 720x400, the usual text, is shown as it is,
 * because it is easier to read so, and so are all later modes. No screen is as wide as twice its height: such a picture has high dots.
 * @param {{ width: number, height: number }} picture
 */
export function shapeOf({ width, height }) {
  const square = width / height;
  const text = width === 720 && height === 400;
  const vga = width <= 720 && height <= 480;
  return square >= 2 || (vga && !text) ? 4 / 3 : square;
}
