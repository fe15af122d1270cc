// The site's clock for instants that nobody wrote down: where an axis has its marks, where a cursor stands.

/** @typedef {{ year: number, month: number, day: number, seconds: number, offset: number }} Clock `month` from 1; `seconds` of the day; `offset` from UTC in seconds */

export const DAY_S = 86_400;
/** @type {Map<string, Intl.DateTimeFormat>} */
const zones = new Map();

/** @param {string} zone */
function formatOf(zone) {
  let format = zones.get(zone);
  if (!format) {
    const options = /** @type {const} */ ({ hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' });
    try {
      format = new Intl.DateTimeFormat('en-US', { ...options, timeZone: zone });
    } catch {
      format = new Intl.DateTimeFormat('en-US', { ...options, timeZone: 'UTC' });
    }
    zones.set(zone, format);
  }
  return format;
}

/** What the clock of a zone shows. @param {number} instant seconds since 1970 @param {string} zone @returns {Clock} */
export function clockAt(instant, zone) {
  const whole = Math.floor(instant);
  const parts = Object.fromEntries(formatOf(zone).formatToParts(whole * 1000).map(({ type, value }) => [type, Number(value)]));
  const { year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return { year, month, day, seconds: hour * 3600 + minute * 60 + second, offset: Date.UTC(year, month - 1, day, hour, minute, second) / 1000 - whole };
}

/** The instant at which a day begins by the clock of a zone; days and months over count on. @param {number} year @param {number} month @param {number} day @param {string} zone */
export function dayStart(year, month, day, zone) {
  const local = Date.UTC(year, month - 1, day) / 1000;
  const first = local - clockAt(local, zone).offset;
  return local - clockAt(first, zone).offset;
}

/** An instant as the API writes them: RFC 3339 with the zone's offset. @param {number} instant seconds since 1970 @param {string} zone */
export function isoAt(instant, zone) {
  const { offset } = clockAt(instant, zone);
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  const minutes = Math.abs(Math.round(offset / 60));
  return `${new Date((Math.floor(instant) + offset) * 1000).toISOString().slice(0, 19)}${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** Seconds since 1970 of an instant that the API wrote. @param {string} iso */
export const secondsOf = (iso) => Date.parse(iso) / 1000;

/** Whether the clock shows this time twice, an hour apart: summer time ends. @param {number} instant @param {string} zone */
export function isTwice(instant, zone) {
  const { offset } = clockAt(instant, zone);
  return clockAt(instant - 3600, zone).offset - offset === 3600 || offset - clockAt(instant + 3600, zone).offset === 3600;
}

/** Offset as it is shown: `+02:00`. @param {number} instant @param {string} zone */
export const offsetAt = (instant, zone) => isoAt(instant, zone).slice(19);
