// What can be shown: the answer's fields, which of them share a chart, and how each is drawn and written.
import { formats, t } from '../../kit.js';
import { secondsOf } from '../../charts.js';

/** @typedef {'pv' | 'load' | 'grid' | 'battery' | 'soc' | 'price' | 'temperature'} Name */
/** @typedef {import('../../kit.js').Schemas['HistoryRange']} Answer */
/** @typedef {import('../../kit.js').Schemas['Series']} Series */
/** @typedef {import('../../charts.js').Point} Point */
/** @typedef {{ colour: string, as: keyof typeof formats, dash?: number[], fill?: boolean }} Look */
/** @typedef {{ name: string, series: Name[], limits: [number | undefined, number | undefined], value: (value: number) => string }} Group */

/** @type {Record<Name, Look>} */
export const LOOKS = {
  pv: { colour: '--pv', as: 'power', fill: true },
  load: { colour: '--house', as: 'power' },
  grid: { colour: '--grid', as: 'power', dash: [7, 3] },
  battery: { colour: '--battery', as: 'power', dash: [2, 3] },
  soc: { colour: '--battery', as: 'percent', fill: true },
  price: { colour: '--dear', as: 'price' },
  temperature: { colour: '--warn', as: 'temperature' },
};

/** @type {Group[]} */
export const GROUPS = [
  { name: 'power', series: ['pv', 'load', 'grid', 'battery'], limits: [0, 1000], value: (w) => formats.decimal?.(w / 1000) ?? '' },
  { name: 'soc', series: ['soc'], limits: [0, 100], value: (value) => formats.decimal?.(value) ?? '' },
  { name: 'price', series: ['price'], limits: [0, undefined], value: (value) => formats.decimal?.(value) ?? '' },
  { name: 'temperature', series: ['temperature'], limits: [undefined, undefined], value: (value) => formats.decimal?.(value) ?? '' },
];

export const NAMES = GROUPS.flatMap(({ series }) => series);
const USUAL = NAMES.filter((name) => name !== 'temperature');

/** In words. @param {Name} name */
export const nameOf = (name) => t(`history.${name}`);

/** Which series the address names. @param {URLSearchParams} params @returns {Name[]} */
export function shownOf(params) {
  const wanted = params.get('series')?.split(',');
  return wanted ? NAMES.filter((name) => wanted.includes(name)) : USUAL;
}

/** They, for the address: nothing where they are the usual ones. @param {Name[]} shown */
export const seriesText = (shown) => (String(shown) === String(USUAL) ? '' : shown.join(',') || 'none');

/** How long a value stands for at most, seconds. */
const LENGTHS = { raw: 300, quarter_hour: 900, hour: 3600, day: 86_400 };

/**
 * A series as it is drawn and looked up.
 * @typedef {object} Track
 * @property {Name} name
 * @property {Series} series
 * @property {Point[]} points at the places of the answer's
 * @property {number} low the place of the least value, -1 where none is known
 * @property {number} high that of the greatest
 * @property {boolean} isSummed its points are the least and the greatest values of hours or days
 * @property {boolean} holds each value until the next one
 * @property {number} reach how far from the cursor a point may be, seconds
 */

/** @param {Answer} answer @param {Name} name @returns {Track | undefined} */
export function trackOf(answer, name) {
  const series = answer.series[name];
  if (!series) return undefined;
  const points = series.points.map(([at, value]) => /** @type {Point} */ ([secondsOf(String(at)), typeof value === 'number' ? value : null]));
  const wide = secondsOf(answer.to) - secondsOf(answer.from);
  return { name, series, points, ...ends(points), isSummed: series.resolution === 'hour' || series.resolution === 'day', holds: series.resolution === 'quarter_hour', reach: Math.max(LENGTHS[series.resolution], (4 * wide) / Math.max(1, points.length)) };
}

/** The places of the least and the greatest value. @param {Point[]} points */
function ends(points) {
  let [low, high] = [-1, -1];
  points.forEach(([, value], at) => {
    if (value === null) return;
    if (low < 0 || value < Number(points[low]?.[1])) low = at;
    if (high < 0 || value > Number(points[high]?.[1])) high = at;
  });
  return { low, high };
}

/** What is drawn: a value that holds does so to the end of its quarter-hour. @param {Track} track @param {number} end @returns {Point[]} */
export function drawn({ points, holds }, end) {
  const [at, value] = points[points.length - 1] ?? [end, null];
  return holds && value !== null && at < end ? [...points, [Math.min(end, at + LENGTHS.quarter_hour), value]] : points;
}

/** The place of the point for a time: the nearest, or that which holds then; -1 where none is near. @param {Track} track @param {number} time */
export function placeAt({ points, holds, reach }, time) {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((points[middle]?.[0] ?? 0) <= time) low = middle + 1;
    else high = middle;
  }
  const before = points[low - 1];
  const after = points[low];
  const isAfter = !holds && after && (!before || after[0] - time < time - before[0]);
  const near = isAfter ? after : before;
  return near && Math.abs(near[0] - time) <= reach ? low - (isAfter ? 0 : 1) : -1;
}
