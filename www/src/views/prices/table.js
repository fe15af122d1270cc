// Every quarter-hour of the day in a table, made when it is opened.
import { figureOf, make, named, set, t } from '../../kit.js';
import { zoneName } from './ladder.js';
import { isNegative, marksOf, spanOf } from './slots.js';

const PRICES = /** @type {const} */ (['buy', 'sell', 'market', 'margin', 'distribution', 'extras', 'vat']);

export function table() {
  const room = make('div.wide', { tabindex: '0', role: 'region', 'aria-label': t('prices.table') });
  const details = make('details', make('summary', t('prices.table')), room);
  const box = make('section.tile.slots', details);
  /** @type {import('../prices.js').Shown | undefined} */
  let shown;
  let drawn = '';
  details.addEventListener('toggle', draw);

  function draw() {
    if (!shown || !details.open) return;
    const { answer, path, now } = shown;
    const text = JSON.stringify([path, answer.slots, answer.windows.cheap, now]);
    if (text === drawn) return;
    drawn = text;
    const columns = PRICES.filter((name) => (name !== 'extras' && name !== 'vat') || answer.slots.some((slot) => slot[`${name}_pln_kwh`] !== undefined));
    const heads = [t('prices.slot'), ...columns.map((name) => t(`prices.step_${name}`)), t('prices.zone'), t('prices.kompas'), t('prices.marks')];
    const rows = answer.slots.map((slot, at) => {
      const row = make('tr', make('th', { scope: 'row' }, spanOf(answer.slots, slot)),
        ...columns.map((name) => make('td', ...(slot[`${name}_pln_kwh`] === undefined ? [] : [figureOf(`${path}#/slots/${at}/${name}_pln_kwh`, slot[`${name}_pln_kwh`], 'exact')]))),
        make('td', zoneName(slot.zone)), make('td', slot.kompas === null ? t('common.unknown') : named('prices', 'kompas', slot.kompas)),
        make('td', marksOf(/** @type {import('../prices.js').Shown} */ (shown), at).join(', ')));
      set(row, 'class', isNegative(slot) ? 'below' : null);
      set(row, 'aria-current', at === now ? 'time' : null);
      return row;
    });
    room.replaceChildren(make('table', make('caption', t('prices.ladder')), make('thead', make('tr', ...heads.map((head) => make('th', { scope: 'col' }, head)))),
      make('tbody', ...rows)));
  }
  return {
    box,
    /** @param {import('../prices.js').Shown} next */
    update(next) {
      shown = next;
      draw();
    },
  };
}
