// How old things are: lines that count from an instant by the server's clock, all of them brought up to date together.
import { put, set } from './dom.js';
import { ago, timeOf, whenOf } from './format.js';
import { t } from './words.js';

const TICK_MS = 5_000;
/** The server's clock minus ours, ms. */
let offset = 0;
/** @type {Map<Element, () => void>} */
const lines = new Map();
let timer = 0;

/** Sets our idea of the server's clock. @param {string} timestamp its time, RFC 3339 */
export function setClock(timestamp) {
  const theirs = Date.parse(timestamp);
  if (Number.isFinite(theirs)) offset = theirs - Date.now();
}

/** Now by the server's clock, ms since 1970. */
export const serverNow = () => Date.now() + offset;

/** Seconds since an instant. @param {string} iso */
export const since = (iso) => Math.max(0, (serverNow() - Date.parse(iso)) / 1000);

/**
 * @typedef {object} Told
 * @property {string | null | undefined} at when it was read, RFC 3339
 * @property {string | null | undefined} [staleAfter] from when on it counts as old
 * @property {string} [source] where from, in words
 * @property {Element} [box] gets the class `stale` when it is
 */

/**
 * Keeps an element's line of age and origin true until it leaves the page.
 * @param {Element} node @param {Told} told
 */
export function tellAge(node, { at, staleAfter, source, box }) {
  const tell = () => {
    const stale = Boolean(at && staleAfter && serverNow() > Date.parse(staleAfter));
    const age = !at ? t('age.never') : stale ? t('age.stale', { time: timeOf(staleAfter ?? at), age: ago(since(at)) }) : ago(since(at));
    put(node, source ? t('age.from', { age, source }) : age);
    set(node, 'title', at ? t('age.at', { time: whenOf(at) }) : null);
    box?.classList.toggle('stale', stale);
  };
  lines.set(node, tell);
  tell();
  start();
}

/** Brings every line up to date. */
export function tick() {
  for (const [node, tell] of lines) {
    if (node.isConnected) tell();
    else lines.delete(node);
  }
}

function start() {
  timer ||= window.setInterval(tick, TICK_MS);
}

// A tab that nobody sees has no clock.
document.addEventListener('visibilitychange', () => {
  window.clearInterval(timer);
  timer = 0;
  if (!document.hidden) { tick(); start(); }
});
