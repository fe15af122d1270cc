// Numbers, dates and durations in the reader's language. Times are shown by the site's clock, never by the browser's.
import { locale, t } from './words.js';

const cache = new Map();
/** @param {Intl.NumberFormatOptions} options @returns {Intl.NumberFormat} */
function numbers(options) {
  const key = JSON.stringify(options);
  if (!cache.has(key)) cache.set(key, new Intl.NumberFormat(locale, options));
  return cache.get(key);
}
/** A number without the minus that would stand before a rounded 0. @param {number} value @param {number} digits */
const plain = (value, digits) => (Math.abs(value) * 10 ** digits < 0.5 ? 0 : value);
/** @param {number} digits */
const fixed = (digits) => ({ minimumFractionDigits: digits, maximumFractionDigits: digits });

/** A dash of figure width for what is not known; its reason stands beside. */
export const UNKNOWN = '\u2013';

/**
 * How a value of the API is written; `data-as` of a figure names one.
 * @type {Record<string, (value: number) => string>}
 */
export const formats = {
  /** W, as kW. */
  power: (w) => `${numbers(fixed(2)).format(plain(w / 1000, 2))}\u00a0kW`,
  /** W, without its sign, as kW: words say which way. */
  flow: (w) => `${numbers(fixed(2)).format(Math.abs(w) / 1000)}\u00a0kW`,
  energy: (kwh) => `${numbers(fixed(2)).format(plain(kwh, 2))}\u00a0kWh`,
  /** PLN/kWh to the grosz. */
  price: (pln) => `${numbers({ style: 'currency', currency: 'PLN' }).format(plain(pln, 2))}/kWh`,
  /** PLN/kWh as the API has it, to four digits and a unit in the heading. */
  exact: (pln) => numbers(fixed(4)).format(plain(pln, 4)),
  /** A difference of prices, with its sign. */
  price_change: (pln) => `${numbers({ style: 'currency', currency: 'PLN', signDisplay: 'exceptZero' }).format(plain(pln, 2))}/kWh`,
  money: (pln) => numbers({ style: 'currency', currency: 'PLN' }).format(plain(pln, 2)),
  /** The same without its sign: words say which way. */
  amount: (pln) => numbers({ style: 'currency', currency: 'PLN' }).format(Math.abs(pln)),
  /** PLN/kWh to four digits, without its sign. */
  amountKwh: (pln) => `${numbers({ style: 'currency', currency: 'PLN', ...fixed(4) }).format(Math.abs(pln))}/kWh`,
  percent: (value) => numbers({ style: 'percent', maximumFractionDigits: 1 }).format(plain(value, 1) / 100),
  /** A change of so many percent, with its sign. */
  change: (value) => numbers({ style: 'percent', maximumFractionDigits: 1, signDisplay: 'exceptZero' }).format(plain(value, 1) / 100),
  /** A share of 1. */
  share: (value) => numbers({ style: 'percent', maximumFractionDigits: 0 }).format(value),
  temperature: (celsius) => `${numbers(fixed(1)).format(plain(celsius, 1))}\u00a0°C`,
  voltage: (volts) => `${numbers(fixed(1)).format(volts)}\u00a0V`,
  count: (n) => numbers({ maximumFractionDigits: 0 }).format(n),
  decimal: (value) => numbers({ maximumFractionDigits: 2 }).format(plain(value, 2)),
  bytes: (value) => bytes(value),
  ms: (value) => `${numbers({ maximumFractionDigits: 2 }).format(value)}\u00a0ms`,
  minutes: (value) => numbers({ style: 'unit', unit: 'minute', unitDisplay: 'short', maximumFractionDigits: 1 }).format(value),
  duration: (seconds) => duration(seconds),
  hours: (hours) => duration(hours * 3600),
  /** A distance in time: words say which way. */
  gap: (seconds) => duration(Math.abs(seconds)),
};

/** @param {number} value */
function bytes(value) {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];
  const size = Math.abs(value);
  const step = size < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(size) / 3));
  return numbers({ style: 'unit', unit: units[step], unitDisplay: step ? 'short' : 'long', maximumFractionDigits: step ? 1 : 0 }).format(value / 1000 ** step);
}

/** `3 min`, `2 h`, `5 days`: the greatest unit alone. @param {number} seconds */
export function duration(seconds) {
  const [unit, size] = seconds < 120 ? ['second', 1] : seconds < 7200 ? ['minute', 60] : seconds < 172_800 ? ['hour', 3600] : ['day', 86_400];
  return numbers({ style: 'unit', unit: String(unit), unitDisplay: 'short', maximumFractionDigits: 0 }).format(Math.floor(seconds / Number(size)));
}

/** How long until something begins, to the minute: `5h 57m`. @param {number} seconds */
export function waitText(seconds) {
  const minutes = Math.ceil(seconds / 60);
  const part = (/** @type {string} */ unit, /** @type {number} */ n) => numbers({ style: 'unit', unit, unitDisplay: 'narrow' }).format(n);
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  return [hours ? part('hour', hours) : '', rest || !hours ? part('minute', rest) : ''].filter(Boolean).join('\u00a0');
}

/** @type {Intl.RelativeTimeFormat | undefined} */
let relative;
/** How long ago, as calmly as it can be told. @param {number} seconds */
export function ago(seconds) {
  if (seconds < 10) return t('age.now');
  const [unit, size] = /** @type {[Intl.RelativeTimeFormatUnit, number]} */ (
    seconds < 120 ? ['second', 10] : seconds < 7200 ? ['minute', 60] : seconds < 172_800 ? ['hour', 3600] : ['day', 86_400]);
  const steps = Math.floor(seconds / size);
  relative ??= new Intl.RelativeTimeFormat(locale, { numeric: 'always', style: 'short' });
  return relative.format(unit === 'second' ? -10 * steps : -steps, unit);
}

/**
 * The site's clock at an instant that the API wrote: local time as a UTC date, for formatting with `timeZone: 'UTC'`.
 * The API writes RFC 3339 with the site's offset, or a naive local time; either way its digits are the site's clock.
 * @param {string} iso
 */
export const siteClock = (iso) => new Date(`${iso.slice(0, 10)}T${iso.slice(11, 19) || '00:00:00'}Z`);

/** @param {Intl.DateTimeFormatOptions} options @returns {(iso: string) => string} */
function dates(options) {
  /** @type {Intl.DateTimeFormat | undefined} */
  let format;
  return (iso) => (format ??= new Intl.DateTimeFormat(locale, { timeZone: 'UTC', ...options })).format(siteClock(iso));
}

/** `05:30` of an instant. */
export const timeOf = dates({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
/** `05:30:12`. */
export const secondOf = dates({ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
/** `23 November 2026` of a day or an instant. */
export const dayOf = dates({ day: 'numeric', month: 'long', year: 'numeric' });
/** `Monday, 23 November 2026`. */
export const fullDayOf = dates({ weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });
/** `Mon 23 Nov`. */
export const shortDayOf = dates({ weekday: 'short', day: 'numeric', month: 'short' });
/** `Monday 23 November 2026`. */
export const longDayOf = dates({ weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });
/** `November 2026`. */
export const monthOf = dates({ month: 'long', year: 'numeric' });
/** `2026`. */
export const yearOf = dates({ year: 'numeric' });
/** `23 Nov 2026, 05:30`. */
export const whenOf = dates({ day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

/** `13:00–15:00`, with its day where that is not `today`. @param {string} start @param {string} end @param {string} [today] */
export function spanOf(start, end, today = start) {
  const span = t('common.span', { from: timeOf(start), to: timeOf(end) });
  return start.slice(0, 10) === today.slice(0, 10) ? span : t('common.span_day', { span, day: shortDayOf(start) });
}
