// @ts-check
/** What all elements of the shell share: a shadow tree with its styles, and one AbortController while connected. */
import tokens from "../styles/tokens.css";

/** @type {Map<string, CSSStyleSheet>} */
const sheets = new Map();

/** @param {ShadowRoot} root @param {string} css */
function adopt(root, css) {
  let sheet = sheets.get(css);
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    sheets.set(css, sheet);
  }
  root.adoptedStyleSheets.push(sheet);
}

/** The class to extend; a stand-in where there is no page, so that the module can be imported there. */
const Base = /** @type {typeof HTMLElement} */ (globalThis.HTMLElement ?? class {});

export class VmElement extends Base {
  /** @type {AbortController | undefined} */
  #connected;
  /** @type {ShadowRoot} */
  root;

  /** @param {{ html: string, css: string, delegatesFocus?: boolean }} look */
  constructor({ html, css, delegatesFocus = false }) {
    super();
    this.root = this.attachShadow({ mode: "open", delegatesFocus });
    adopt(this.root, tokens);
    adopt(this.root, css);
    this.root.innerHTML = html;
  }

  connectedCallback() {
    this.#connected = new AbortController();
    this.connected(this.#connected.signal);
  }

  disconnectedCallback() {
    this.#connected?.abort();
    this.#connected = undefined;
    this.disconnected();
  }

  /** Adds listeners, all with this signal: disconnecting removes them. @param {AbortSignal} _signal */
  connected(_signal) {}

  disconnected() {}

  /**
   * The part of the shadow tree with this id.
   * @template {Element} E
   * @param {string} id
   * @param {new () => E} type
   * @returns {E}
   */
  inner(id, type) {
    const part = this.root.getElementById(id);
    if (!(part instanceof type)) throw new TypeError(`${this.localName} has no ${type.name} #${id}`);
    return part;
  }

  /** Tells whoever is above what the user wishes. @param {string} name @param {object} [detail] */
  request(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

/** Sets an attribute, or removes it. @param {Element} element @param {string} name @param {string | boolean | null} value */
export function setAttribute(element, name, value) {
  const text = value === true ? "" : value;
  if (text === false || text === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/** @param {string} name @param {CustomElementConstructor} type */
export function define(name, type) {
  if (globalThis.customElements && !customElements.get(name)) customElements.define(name, type);
}
