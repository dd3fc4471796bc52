// @ts-check
/**
 * Proof, by the type checker alone, that pagevm.d.ts (which is shipped) and the implementation agree: each thing made is
 * what is declared, and nothing public is missing on either side.
 *
 * @import * as Declared from "./pagevm.js"
 */
import * as made from "../pagevm.js";

/**
 * @template A, B
 * @typedef {[A] extends [B] ? ([B] extends [A] ? true : { extra: Exclude<B, A> }) : { missing: Exclude<A, B> }} Same
 */

/** @type {typeof Declared.PageVM} */
export const machine = made.PageVM;
/** @type {typeof Declared.PageVMError} */
export const error = made.PageVMError;
/** @type {typeof Declared.PageVMElement} */
export const element = made.PageVMElement;

/** @type {Same<keyof typeof made, keyof typeof Declared>} */
export const sameExports = true;
/** @type {Same<keyof made.PageVM, keyof Declared.PageVM>} */
export const sameMembers = true;
/** @type {Same<Parameters<typeof made.PageVM.create>, Parameters<typeof Declared.PageVM.create>>} */
export const sameOptions = true;
