// Spans of days by the site's calendar: what the address names, what to ask for it, and its neighbours.
import { dayOf, formats, locale, monthOf, serverNow, siteClock, t, yearOf } from '../../kit.js';

/** @typedef {'day' | 'month' | 'year' | 'all'} By */
/**
 * @typedef {object} Span
 * @property {By} by
 * @property {string} at `2026-11-23`, `2026-11`, `2026`, or nothing
 * @property {string} from its first day
 * @property {string} to its last day
 * @property {'hour' | 'day' | 'month' | 'year'} unit what its buckets are
 */

export const BY = /** @type {const} */ (['day', 'month', 'year', 'all']);
const UNITS = /** @type {const} */ ({ day: 'hour', month: 'day', year: 'month', all: 'year' });
/** How much of a day's name each of them needs. */
const LENGTH = { day: 10, month: 7, year: 4, all: 0 };
/** What the server knows of. */
const FIRST = '2000-01-01';
const YEARS = 10;

/** @param {string} iso a day @param {number} days */
export function dayAfter(iso, days) {
  const date = siteClock(iso);
  date.setUTCDate(date.getUTCDate() + days);
  return date.toISOString().slice(0, 10);
}

/** How many days a stretch has. @param {string} from @param {string} to */
export const daysOf = (from, to) => Math.round((siteClock(to).getTime() - siteClock(from).getTime()) / 86_400_000) + 1;

/** The site's day now: the clock's offset is that of the last reading. @param {import('../../kit.js').State} state */
export function todayOf(state) {
  const offset = /([+-])(\d\d):(\d\d)$/.exec(state.live.as_of ?? state.timestamp);
  const minutes = offset ? Number(`${offset[1]}1`) * (Number(offset[2]) * 60 + Number(offset[3])) : 0;
  return new Date(serverNow() + minutes * 60_000).toISOString().slice(0, 10);
}

/** @param {string} text the beginning of a day's name @returns {string | undefined} the day */
function whole(text) {
  const day = `${text}${FIRST.slice(text.length)}`;
  return /^(20\d\d|2100)-\d\d-\d\d$/.test(day) && siteClock(day).getTime() && dayAfter(day, 0) === day ? day : undefined;
}

/** What the address names; this month where it names nothing. @param {URLSearchParams} params @param {string} today @returns {Span} */
export function spanOf(params, today) {
  const asked = params.get('by');
  const by = BY.find((name) => name === asked) ?? 'day';
  const at = params.get('at') ?? '';
  return spanAt(by, at.length === LENGTH[by] && whole(at) ? at : today, today);
}

/** @param {By} by @param {string} day in it, or its name @param {string} today @returns {Span} */
export function spanAt(by, day, today) {
  const at = day.slice(0, LENGTH[by]);
  const year = Number(today.slice(0, 4));
  const from = by === 'all' ? `${year - YEARS + 1}-01-01` : whole(at) ?? today;
  const month = siteClock(from);
  month.setUTCMonth(month.getUTCMonth() + 1, 0);
  const to = { day: from, month: month.toISOString().slice(0, 10), year: `${at}-12-31`, all: `${year}-12-31` }[by];
  return { by, at, from, to, unit: UNITS[by] };
}

/** The neighbour, if the server may know of it and it has begun. @param {Span} span @param {-1 | 1} way @param {string} today */
export function beside(span, way, today) {
  const day = way < 0 ? dayAfter(span.from, -1) : dayAfter(span.to, 1);
  return span.by === 'all' || day < FIRST || day > today ? undefined : spanAt(span.by, day, today);
}

/** The same place in longer or shorter spans: today's where it lies in this one. @param {Span} span @param {By} by @param {string} today */
export const as = (span, by, today) => spanAt(by, includes(span, today) ? today : span.from, today);

/** @param {Span} span @param {string} day */
export const includes = (span, day) => span.from <= day && day <= span.to;

const weekday = new Intl.DateTimeFormat(locale, { timeZone: 'UTC', weekday: 'long' });

/** A span's name in words. @param {Span} span */
export function nameOf({ by, from }) {
  if (by === 'day') return t('energy.day_name', { weekday: weekday.format(siteClock(from)), day: dayOf(from) });
  return by === 'month' ? monthOf(from) : by === 'year' ? yearOf(from) : t('energy.all_name');
}

/** The years that can be chosen, newest first, with the one that is. @param {string} today @param {string} chosen */
export function years(today, chosen) {
  const last = Number(today.slice(0, 4));
  const list = Array.from({ length: YEARS }, (_, back) => String(last - back));
  return chosen && !list.includes(chosen) ? [...list, chosen].sort().reverse() : list;
}

const month = new Intl.DateTimeFormat(locale, { timeZone: 'UTC', month: 'long' });
/** The months' names, `01` to `12`. @returns {[string, string][]} */
export const months = () => Array.from({ length: 12 }, (_, at) => [String(at + 1).padStart(2, '0'), month.format(new Date(Date.UTC(2026, at)))]);

const bucketDay = new Intl.DateTimeFormat(locale, { timeZone: 'UTC', weekday: 'short', day: 'numeric', month: 'short' });
const clock = new Intl.DateTimeFormat(locale, { timeZone: 'UTC', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const short = new Intl.DateTimeFormat(locale, { timeZone: 'UTC', month: 'short' });

/** @typedef {import('../../kit.js').Schemas['EnergyBucket']} Bucket */

/** A bucket's name; the two hours 02 of autumn say which is which. @param {Bucket[]} buckets @param {number} at @param {Span['unit']} unit */
export function bucketName(buckets, at, unit) {
  const { start } = /** @type {Bucket} */ (buckets[at]);
  if (unit !== 'hour') return unit === 'day' ? bucketDay.format(siteClock(start)) : unit === 'month' ? monthOf(start) : yearOf(start);
  const time = clock.format(siteClock(start));
  const isSame = (/** @type {Bucket | undefined} */ other) => other?.start.slice(0, 16) === start.slice(0, 16);
  return isSame(buckets[at + 1]) ? t('energy.summer_time', { time }) : isSame(buckets[at - 1]) ? t('energy.winter_time', { time }) : time;
}

/** What stands below a bucket's bar, if there is room for it. @param {string} start @param {Span['unit']} unit */
export function tickName(start, unit) {
  const [, monthNo, day, hour] = /** @type {[string, string, string, string]} */ (/** @type {unknown} */ (/^\d+-(\d\d)-(\d\d)T(\d\d)/.exec(start) ?? []));
  if (unit === 'hour') return Number(hour) % 6 ? '' : clock.format(siteClock(start));
  if (unit === 'day') return day === '01' || Number(day) % 5 === 0 ? formats.count?.(Number(day)) ?? '' : '';
  return unit === 'month' ? (Number(monthNo) % 2 ? short.format(siteClock(start)) : '') : yearOf(start);
}
