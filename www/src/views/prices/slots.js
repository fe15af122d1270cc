// Quarter-hours: their names, which are found again in an address, and what is special about each.
import { serverNow, t, timeOf } from '../../kit.js';

/** @typedef {import('../../kit.js').Schemas['Slot']} Slot */
/** @typedef {{ start: string, end: string }} Span */

/** @param {string} iso */
const wall = (iso) => iso.slice(11, 16);
/** @param {Slot[]} slots @param {string} iso */
const isTwice = (slots, iso) => slots.filter(({ start }) => start.slice(0, 16) === iso.slice(0, 16)).length > 1;

/** `14:15`; of an hour that the clock has twice with its offset, `02:15+01:00`. @param {Slot[]} slots @param {number} at */
export function keyOf(slots, at) {
  const start = slots[at]?.start ?? '';
  return isTwice(slots, start) ? `${wall(start)}${start.slice(19)}` : wall(start);
}

/** The slot of a key, or -1. @param {Slot[]} slots @param {string} key */
export const findSlot = (slots, key) => (key ? slots.findIndex(({ start }) => `${wall(start)}${start.slice(19)}`.startsWith(key)) : -1);

/** A time of the day, or a text of times; one that the clock has twice says which it is. @param {Slot[]} slots @param {string} iso */
export function momentOf(slots, iso, time = timeOf(iso)) {
  if (!isTwice(slots, iso)) return time;
  const isFirst = slots.find((slot) => wall(slot.start) === wall(iso))?.start === iso;
  return t(isFirst ? 'prices.time_summer' : 'prices.time_winter', { time });
}

/** `14:15–14:30`. @param {Slot[]} slots @param {Span} span */
export function spanOf(slots, { start, end }) {
  const isSame = start.slice(19) === end.slice(19);
  if (isSame && isTwice(slots, start)) return momentOf(slots, start, `${timeOf(start)}\u2013${timeOf(end)}`);
  return `${momentOf(slots, start)}\u2013${isSame ? timeOf(end) : momentOf(slots, end)}`;
}

/** The slot of this moment, or -1. @param {Slot[]} slots */
export function nowIn(slots) {
  const now = serverNow();
  return slots.findIndex(({ start, end }) => Date.parse(start) <= now && now < Date.parse(end));
}

/** Whether a slot is within one of the stretches. @param {Slot} slot @param {Span[]} spans */
export const isWithin = (slot, spans) => spans.some(({ start, end }) => Date.parse(slot.start) >= Date.parse(start) && Date.parse(slot.end) <= Date.parse(end));

/** @param {Slot} slot */
export const isNegative = ({ market_pln_kwh: market, buy_pln_kwh: buy }) => (market ?? 0) < 0 || (buy ?? 0) < 0;

/**
 * What is special about a slot, in words of the catalogue.
 * @param {import('../prices.js').Shown} shown @param {number} at
 */
export function marksOf({ answer, now }, at) {
  const slot = answer.slots[at];
  if (!slot) return [];
  return [
    ...(at === now ? [t('prices.mark_now')] : []),
    ...((slot.buy_pln_kwh ?? 0) < 0 ? [t('prices.mark_paid')] : (slot.market_pln_kwh ?? 0) < 0 ? [t('prices.mark_negative')] : []),
    ...(isWithin(slot, answer.windows.cheap) ? [t('prices.mark_cheap')] : []),
    ...(isWithin(slot, answer.windows.dear) ? [t('prices.mark_dear')] : []),
    ...(slot.buy_pln_kwh === null ? [t('prices.mark_hole')] : []),
  ];
}
