// Elements, made and changed. Text is set as text only, and only when it differs, so that nothing moves without reason.
import { dayOf, whenOf } from './format.js';
import { t, translated } from './words.js';

/** @typedef {Node | string} Inside */

/**
 * An HTML element: `make('p.quiet', 'text', child)`; a first object holds attributes and, as `on…`, listeners.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag | `${Tag}.${string}`} what tag and classes @param {...(Inside | Record<string, unknown>)} rest
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(what, ...rest) {
  const [tag, ...classes] = what.split('.');
  const node = document.createElement(/** @type {Tag} */ (tag));
  if (classes.length) node.className = classes.join(' ');
  furnish(node, rest);
  return node;
}

/** The same for SVG. @param {string} tag @param {...(Inside | Record<string, unknown>)} rest @returns {SVGElement} */
export function svg(tag, ...rest) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  furnish(node, rest);
  return node;
}

/** @param {Element} node @param {(Inside | Record<string, unknown>)[]} rest */
function furnish(node, rest) {
  for (const part of rest) {
    if (typeof part === 'string' || part instanceof Node) node.append(part);
    else for (const [name, value] of Object.entries(part)) {
      if (name.startsWith('on')) node.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
      else set(node, name, value);
    }
  }
}

/** Sets an attribute, or takes it away (`false`, `null`, `undefined`), if it differs. @param {Element} node @param {string} name @param {unknown} value */
export function set(node, name, value) {
  const text = value === false || value === null || value === undefined ? null : value === true ? '' : String(value);
  if (node.getAttribute(name) === text) return;
  if (text === null) node.removeAttribute(name);
  else node.setAttribute(name, text);
}

/** Sets an element's text if it differs. @param {Element} node @param {string} text */
export function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Sets what is inside an element. @param {Element} node @param {...Inside} inside */
export function fillWith(node, ...inside) {
  node.replaceChildren(...inside);
}

/**
 * Text that comes from the site (a reason, a log line, a file's name): shown as it is, in a language nobody knows.
 * @param {unknown} text @returns {HTMLSpanElement}
 */
export const siteText = (text) => make('span.site', { lang: '', dir: 'auto' }, String(text));

/** Days and instants within a sentence, as the API writes them; not those within names of files. */
const INSTANTS = /(^|[\s(])(\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d))?)(?=$|[\s,.;:)])/g;
/** @param {string} text */
const dated = (text) => text.replace(INSTANTS, (_, before, iso, time) => before + (time ? whenOf(iso) : dayOf(iso)));

/**
 * What the server says, in the reader's language where the catalogue has the sentence, else as it is.
 * @param {string} text @returns {HTMLSpanElement}
 */
export function said(text) {
  const known = translated(text);
  return known === undefined ? make('span', { lang: 'en' }, dated(text)) : make('span', dated(known));
}

/**
 * A text of the catalogue with elements in its places, such as figures.
 * @param {import('./words.js').Key} key @param {Record<string, Node>} inside @returns {Inside[]}
 */
export function tWith(key, inside) {
  const parts = t(key, Object.fromEntries(Object.keys(inside).map((name) => [name, `\0${name}\0`]))).split('\0');
  return parts.map((part, at) => (at % 2 ? inside[part] ?? part : part));
}
