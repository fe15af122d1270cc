// What the parts of this view are made of.
import { make, put, putReason, t } from '../../kit.js';

/** @typedef {import('../../kit.js').Key} Key */
/** @typedef {import('../../kit.js').Schemas['Status']} Status */
/** @typedef {import('../../kit.js').Schemas['About']} About */
export const STATUS = '/status#';
export const ABOUT = '/api/v1/about#';

/** @param {string} name @param {Key} title @param {...Node} inside */
export const tile = (name, title, ...inside) => make(`section.tile.${name}`, { 'aria-labelledby': `${name}-title` }, make('h2', { id: `${name}-title` }, t(title)), ...inside);

/** @param {Key} key @param {Node | string} value */
export const fact = (key, value) => make('div', make('dt', t(key)), make('dd', value));

/** An error of the server and what to do about it. */
export function trouble() {
  const error = make('p.reason.error');
  const advice = make('p.advice');
  return {
    nodes: [error, advice],
    /** @param {string | null | undefined} text @param {Key | undefined} what */
    update(text, what) {
      putReason(error, text || null);
      put(advice, what ? t('system.do', { what: t(what) }) : '');
    },
  };
}

/** The head of a table. @param {...string} names */
export const head = (...names) => make('thead', make('tr', ...names.map((name) => make('th', { scope: 'col' }, name))));

/** A table that scrolls in its own place. @param {string} label @param {...Node} inside */
export const wide = (label, ...inside) => make('div.wide', { tabindex: '0', role: 'region', 'aria-label': label }, make('table', ...inside));
