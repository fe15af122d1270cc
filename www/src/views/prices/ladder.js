// One quarter-hour: how its price comes about, step by step, and what it means.
import { figure, make, named, put, putReason, set, siteText, t, whyUnknown } from '../../kit.js';
import { marksOf, spanOf } from './slots.js';

const STEPS = /** @type {const} */ (['market', 'margin', 'distribution', 'extras', 'vat']);
/** What is left out of the answer where it is 0. */
const OPTIONAL = ['extras', 'vat'];

/** @param {(at: number) => void} choose */
export function ladder(choose) {
  let at = 0;
  const step = (/** @type {string} */ sign, /** @type {number} */ by, /** @type {import('../../kit.js').Key} */ name) => (
    make('button', { type: 'button', 'aria-label': t(name), onclick: () => choose(at + by) }, sign));
  const before = step('\u2039', -1, 'prices.slot_before');
  const after = step('\u203a', 1, 'prices.slot_after');
  const title = make('h2', { id: 'ladder-title' });
  const marks = make('p.words');
  const rows = STEPS.map((name) => {
    const value = make('td');
    return { name, value, row: make('tr', make('th', { scope: 'row' }, t(`prices.step_${name}`)), value) };
  });
  const buy = make('td');
  const sell = make('td');
  const why = make('p.reason');
  const whySell = make('p.reason');
  const whyKompas = make('p.reason');
  const zone = make('dd');
  const kompas = make('dd');
  const rowKompas = make('div', make('dt', t('prices.kompas')), kompas);
  const steps = make('table.ladder', make('caption', t('prices.ladder')),
    make('tbody', ...rows.map(({ row }) => row), make('tr.sum', make('th', { scope: 'row' }, t('prices.step_buy')), buy)),
    make('tbody', make('tr.sell', make('th', { scope: 'row' }, t('prices.step_sell')), sell)));
  const box = make('section.tile.slot', { 'aria-labelledby': 'ladder-title' }, make('div.slot-head', before, title, after), marks, steps, why, whySell,
    make('dl.facts', make('div', make('dt', t('prices.zone')), zone), rowKompas), whyKompas);
  return {
    box,
    /** @param {import('../prices.js').Shown} shown */
    update(shown) {
      const { answer, path } = shown;
      at = shown.at;
      const slot = answer.slots[at];
      if (!slot) return;
      put(title, spanOf(answer.slots, slot));
      put(marks, marksOf(shown, at).join(', '));
      before.disabled = at === 0;
      after.disabled = at === answer.slots.length - 1;
      const pointer = `${path}#/slots/${at}`;
      for (const { name, value, row } of rows) {
        row.hidden = OPTIONAL.includes(name) && slot[`${name}_pln_kwh`] === undefined;
        if (row.hidden) set(value, 'data-of', null);
        else figure(value, `${pointer}/${name}_pln_kwh`, slot[`${name}_pln_kwh`], 'exact');
        set(row, 'class', name === 'market' && (slot.market_pln_kwh ?? 0) < 0 ? 'below' : null);
      }
      figure(buy, `${pointer}/buy_pln_kwh`, slot.buy_pln_kwh, 'exact');
      figure(sell, `${pointer}/sell_pln_kwh`, slot.sell_pln_kwh, 'exact');
      const reason = slot.market_pln_kwh === null ? whyUnknown(answer, 'slots.market_pln_kwh') : undefined;
      putReason(why, slot.buy_pln_kwh === null ? whyUnknown(answer, 'slots.buy_pln_kwh') ?? reason : reason);
      putReason(whySell, slot.sell_pln_kwh === null ? whyUnknown(answer, 'slots.sell_pln_kwh') : null);
      const lacking = slot.kompas === null ? whyUnknown(answer, 'slots.kompas') : null;
      putReason(whyKompas, lacking);
      // Where nobody asks for it there is nothing to be known.
      rowKompas.hidden = slot.kompas === null && !lacking;
      zone.replaceChildren(zoneName(slot.zone));
      put(kompas, slot.kompas === null ? t('common.unknown') : named('prices', 'kompas', slot.kompas));
    },
  };
}

/** A zone by its usual name, else as the site's config has it. @param {string | null} zone @returns {Node} */
export function zoneName(zone) {
  if (zone === null) return document.createTextNode(t('common.unknown'));
  const name = named('prices', 'zone', zone);
  return name === zone.replaceAll('_', ' ') ? siteText(zone) : document.createTextNode(name);
}
