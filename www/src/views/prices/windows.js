// When to use much and when little: the cheapest and the dearest hours in a row.
import { current, figureOf, make, put, serverNow, shortDayOf, t, waitText } from '../../kit.js';
import { spanOf } from './slots.js';

/** @typedef {import('../../kit.js').Schemas['HoursInARow']} HoursInARow */
const HOURS = [1, 2, 3, 4];
const KINDS = /** @type {const} */ (['cheapest', 'dearest']);

export function windows() {
  const lead = make('p.quiet');
  const rows = HOURS.map((hours) => {
    const cells = KINDS.map(() => make('td'));
    return { hours, cells, row: make('tr', make('th', { scope: 'row' }, t('prices.hours', { n: hours })), ...cells) };
  });
  const box = make('section.tile.windows', { 'aria-labelledby': 'windows-title' }, make('h2', { id: 'windows-title' }, t('prices.windows')), lead,
    make('table', make('thead', make('tr', make('th', { scope: 'col' }, t('prices.windows_length')),
      ...KINDS.map((kind) => make('th', { scope: 'col' }, t(`prices.${kind}`))))), make('tbody', ...rows.map(({ row }) => row))));
  let drawn = '';
  /** How long until each begins. @type {{ start: number, node: Element }[]} */
  let waits = [];

  function tick() {
    for (const { start, node } of waits) {
      const wait = (start - serverNow()) / 1000;
      put(node, wait <= 0 ? t('prices.is_now') : t('prices.in_time', { time: waitText(wait) }));
    }
  }
  return {
    box,
    /** Time goes on. */
    tick,
    /** @param {import('../prices.js').Shown} shown */
    update({ answer, path, now }) {
      const today = current().timestamp.slice(0, 10);
      const when = answer.day === today ? (current().prices.tomorrow ? 'both' : 'today') : answer.day < today ? 'past' : 'tomorrow';
      const text = JSON.stringify([path, answer.windows, when, now]);
      if (text === drawn) return;
      drawn = text;
      waits = [];
      put(lead, t(`prices.windows_${when}`));
      for (const { hours, cells } of rows) {
        KINDS.forEach((kind, column) => {
          const at = answer.windows[kind].findIndex((window) => window.hours === hours);
          const window = answer.windows[kind][at];
          cells[column]?.replaceChildren(...(window ? cell(window, `${path}#/windows/${kind}/${at}`) : [t(when === 'today' || when === 'both' ? 'prices.windows_none' : 'common.unknown')]));
        });
      }

      tick();

      /** @param {HoursInARow} window @param {string} pointer */
      function cell(window, pointer) {
        const span = spanOf(answer.slots, window);
        const wait = make('span.quiet');
        if (when !== 'past') waits.push({ start: Date.parse(window.start), node: wait });
        const day = window.start.slice(0, 10) === answer.day ? [] : [make('span', shortDayOf(window.start))];
        return [...day, make('strong', span), figureOf(`${pointer}/mean_buy_pln_kwh`, window.mean_buy_pln_kwh, 'price'), wait];
      }
    },
  };
}
