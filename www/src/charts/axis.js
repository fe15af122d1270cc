// Axes: time by the site's clock, with marks where its hours, days, months and years begin; values.
import { colour } from './colours.js';
import { DAY_S, clockAt, dayStart, isTwice, offsetAt } from './zone.js';

/** @typedef {import('uplot').Axis} Axis */

const MONTH_S = 30 * DAY_S;
const YEAR_S = 365 * DAY_S;
/** How far marks may be apart; a month's length stands for months. */
const STEPS = [60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, DAY_S, 2 * DAY_S, 7 * DAY_S, 14 * DAY_S,
  MONTH_S, 2 * MONTH_S, 3 * MONTH_S, 6 * MONTH_S, YEAR_S, 2 * YEAR_S, 5 * YEAR_S, 10 * YEAR_S];
const FONT = '12px system-ui, sans-serif';

/** What all axes have. @returns {Partial<Axis>} */
const usual = () => ({
  stroke: () => colour('--quiet'),
  font: FONT,
  grid: { stroke: () => colour('--line'), width: 1 },
  ticks: { stroke: () => colour('--line'), width: 1, size: 4 },
});

/** @param {string} locale @param {() => string} zone @returns {Axis} */
export function dateAxis(locale, zone) {
  return { ...usual(), size: 44, gap: 4, lineGap: 1.25, space: 58, incrs: STEPS, splits: (u, axis, min, max, step) => marks(min, max, step, zone()), values: (u, at, axis, space, step) => words(at, step, locale, zone()) };
}

/** @param {(value: number) => string} value @returns {Axis} */
export function valueAxis(value) {
  return { ...usual(), size: 48, gap: 4, space: 22, values: (u, at) => at.map(value) };
}

/** Where the marks are. @param {number} min @param {number} max @param {number} step seconds @param {string} zone @returns {number[]} */
export function marks(min, max, step, zone) {
  const { year, month, day } = clockAt(min, zone);
  /** @type {number[]} */
  const found = [];
  /** @param {number} at */
  const take = (at) => { if (at >= min && at <= max) found.push(at); return at <= max; };
  if (step >= YEAR_S) {
    const years = Math.round(step / YEAR_S);
    for (let y = year - (year % years); take(dayStart(y, 1, 1, zone)); y += years);
  } else if (step >= MONTH_S) {
    const months = Math.round(step / MONTH_S);
    for (let m = 1; take(dayStart(year, m, 1, zone)) || m < month; m += months);
  } else if (step >= DAY_S) {
    const days = Math.round(step / DAY_S);
    // Days are counted from a Monday, so that weeks begin with theirs.
    const since = (Date.UTC(year, month - 1, day) / 1000 / DAY_S + 3) % days;
    for (let d = day - since; take(dayStart(year, month, d, zone)); d += days);
  } else {
    const fine = Math.min(step, 3600);
    for (let at = dayStart(year, month, day, zone); at <= max; at += fine) {
      // Of an hour that comes twice only the first has room, unless every hour has.
      const isNear = step > 3600 && at - (found[found.length - 1] ?? -Infinity) < step * 0.75;
      if (!isNear && clockAt(at, zone).seconds % step === 0) take(at);
    }
  }
  return found;
}

/** What is written at the marks. @param {number[]} at @param {number} step @param {string} locale @param {string} zone @returns {string[]} */
function words(at, step, locale, zone) {
  const format = (/** @type {Intl.DateTimeFormatOptions} */ options) => {
    const made = new Intl.DateTimeFormat(locale, { ...options, timeZone: zone });
    return (/** @type {number} */ instant) => made.format(instant * 1000);
  };
  const year = format({ year: 'numeric' });
  if (step >= YEAR_S) return at.map(year);
  if (step >= MONTH_S) return withUnder(at, format({ month: 'short' }), year);
  const day = format({ day: 'numeric', month: 'short' });
  if (step >= DAY_S) return withUnder(at, day, year);
  const time = format({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  const under = withUnder(at, time, day);
  return at.map((instant, i) => (isTwice(instant, zone) ? `${time(instant)}\n${offsetAt(instant, zone)}` : under[i] ?? ''));
}

/** With the greater unit below the first mark and where it changes. @param {number[]} at @param {(at: number) => string} above @param {(at: number) => string} below */
function withUnder(at, above, below) {
  let last = '';
  return at.map((instant) => {
    const now = below(instant);
    const text = now === last ? above(instant) : `${above(instant)}\n${now}`;
    last = now;
    return text;
  });
}
