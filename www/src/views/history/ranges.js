// Which stretch of time the address names, and what is asked for it.
import { ask, current, serverNow, withQuery } from '../../kit.js';
import { isoAt } from '../../charts.js';

export const RANGES = /** @type {const} */ (['24h', '7d', '30d', 'year', 'all']);
/** @typedef {typeof RANGES[number] | 'custom'} Range */
/** @typedef {{ range: Range, from: string, to: string, was: Range }} Chosen `was`: where the way out of a zoom leads */

const DAY_MS = 86_400_000;
/** How many days each is, today among them. */
const DAYS = { '7d': 7, '30d': 30, year: 365 };
/** What the server answers of: its first year; prices are known until the day after tomorrow begins. */
const FIRST = '2000-01-01';
const AHEAD_S = 2 * 86_400;
/** No stretch is shorter, seconds. */
const LEAST_S = 600;

/** @param {URLSearchParams} params @returns {Chosen} */
export function chosenOf(params) {
  const known = (/** @type {string | null} */ name) => [...RANGES, 'custom'].find((range) => range === name);
  const from = params.get('from') ?? '';
  const to = params.get('to') ?? '';
  const range = /** @type {Range} */ (known(params.get('range')) ?? (from || to ? 'custom' : '24h'));
  return range === 'custom' ? { range, from, to, was: /** @type {Range} */ (known(params.get('was')) ?? '24h') } : { range, from: '', to: '', was: range };
}

/** The day of the site's clock so many days ago. @param {number} days */
const dayAgo = (days) => new Date(Date.parse(`${current().timestamp.slice(0, 10)}T00:00:00Z`) - days * DAY_MS).toISOString().slice(0, 10);

/** The first day of which anything is known, once it was found. */
let firstDay = '';
/** @param {AbortSignal} signal */
async function findFirst(signal) {
  if (firstDay) return firstDay;
  const near = await known(FIRST, '', signal);
  // One point of so long a stretch stands for some days.
  firstDay = near && (await known(near.after, near.first, signal))?.first || '';
  return firstDay || dayAgo(30);
}

/**
 * The first day of a stretch of which something is known, and where the hole before it was seen last.
 * @param {string} from @param {string} to @param {AbortSignal} signal
 */
async function known(from, to, signal) {
  /** @type {import('./series.js').Answer} */
  const { series } = await ask(withQuery('/api/v1/history', { from, to, points: 2000, fields: 'soc,price' }), signal);
  const found = [series.soc, series.price].flatMap((one) => {
    const at = one?.points.findIndex(([, value]) => value !== null) ?? -1;
    const dayOf = (/** @type {number} */ place) => String(one?.points[Math.max(0, place)]?.[0]).slice(0, 10);
    return at < 0 ? [] : [{ first: dayOf(at), after: dayOf(at - 1) }];
  });
  return found.sort((a, b) => (a.first < b.first ? -1 : 1))[0];
}

/** `from` and `to` of the question. @param {Chosen} chosen @param {AbortSignal} signal @returns {Promise<{ from: string, to: string }>} */
export async function question({ range, from, to }, signal) {
  if (range === 'custom') return { from, to };
  if (range === 'all') return { from: await findFirst(signal), to: '' };
  // To the minute, so that pages that ask together share an answer.
  if (range === '24h') return { from: new Date(Math.floor((serverNow() - DAY_MS) / 60_000) * 60_000).toISOString().replace('.000', ''), to: '' };
  return { from: dayAgo(DAYS[range] - 1), to: '' };
}

/**
 * A stretch that can be asked for, as the address has it.
 * @param {number} from seconds @param {number} to @param {string} zone
 */
export function stretchOf(from, to, zone) {
  const wide = Math.max(LEAST_S, to - from);
  const middle = (from + to) / 2;
  const last = Math.min(middle + wide / 2, Math.max(serverNow() / 1000, 0) + AHEAD_S);
  const first = Math.max(Date.parse(`${FIRST}T00:00:00Z`) / 1000 + 86_400, last - wide);
  const text = (/** @type {number} */ at) => isoAt(Math.round(at / 60) * 60, zone);
  return { from: text(first), to: text(last) };
}
