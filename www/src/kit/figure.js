// A number on the page: what the API said, written by the reader's locale, with its origin, or why it is not known.
import { make, put, said, set } from './dom.js';
import { UNKNOWN, formats } from './format.js';
import { t } from './words.js';

/** @typedef {{ unknown?: Record<string, string> | null | undefined }} Reasons */

/**
 * Shows a number in an element. `of` says where it stands: the path of the answer, a `#` and a JSON pointer (RFC 6901),
 * such as `/api/v1/state#/live/battery/soc_percent`; `data-of` and `data-as` let anybody check the page against the API.
 * A number that was reckoned here from such values has `data-reckoned` on its element instead.
 * @param {Element} node @param {string} of @param {unknown} value @param {keyof typeof formats} as
 */
export function figure(node, of, value, as) {
  const known = typeof value === 'number' && Number.isFinite(value);
  if (known) put(node, /** @type {(value: number) => string} */ (formats[as])(value));
  else if (!node.querySelector('[role=img]')) node.replaceChildren(make('span', { role: 'img', 'aria-label': t('common.unknown') }, UNKNOWN));
  set(node, 'data-of', of);
  set(node, 'data-as', as);
  set(node, 'data-unknown', !known);
}

/** A figure in a new element. @param {string} of @param {unknown} value @param {keyof typeof formats} as */
export function figureOf(of, value, as) {
  const node = make('span.figure');
  figure(node, of, value, as);
  return node;
}

/**
 * Why the value at a dotted path is not known: the reason given for it, or for what contains it.
 * @param {Reasons | null | undefined} answer @param {string} path @returns {string | undefined}
 */
export function whyUnknown(answer, path) {
  const reasons = answer?.unknown ?? {};
  for (let key = path; key; key = key.slice(0, Math.max(0, key.lastIndexOf('.')))) {
    if (typeof reasons[key] === 'string') return reasons[key];
  }
  return undefined;
}

/** Puts a reason, translated, into an element; nothing where there is none. @param {Element} node @param {string | null | undefined} reason */
export function putReason(node, reason) {
  if (node.getAttribute('data-reason') === (reason ?? null)) return;
  set(node, 'data-reason', reason);
  node.replaceChildren(...(reason ? [said(reason)] : []));
}
