// The day in figures.
import { figure, make, put, putReason, t, whyUnknown } from '../../kit.js';
import { momentOf } from './slots.js';

/** Name -> format and, where there is one, when it was. */
const FIGURES = /** @type {const} */ ([
  ['mean_buy_pln_kwh', 'price'], ['min_buy_pln_kwh', 'price', 'min_at'], ['max_buy_pln_kwh', 'price', 'max_at'],
  ['difference_to_yesterday_pln_kwh', 'price_change'], ['remaining_mean_buy_pln_kwh', 'price'],
  ['mean_market_pln_kwh', 'price'], ['min_market_pln_kwh', 'price'], ['max_market_pln_kwh', 'price'],
]);

export function statistics() {
  const facts = FIGURES.map(([name, format, moment]) => {
    const value = make('span.figure');
    const when = make('span.quiet');
    const row = make('div', make('dt', t(`prices.${name}`)), make('dd', value, ' ', when));
    return { name, format, moment, value, when, row };
  });
  const why = make('p.reason');
  const box = make('section.tile.statistics', { 'aria-labelledby': 'statistics-title' }, make('h2', { id: 'statistics-title' }, t('prices.statistics')),
    make('dl.facts', ...facts.map(({ row }) => row)), why);
  return {
    box,
    /** @param {import('../prices.js').Shown} shown */
    update({ answer, path }) {
      for (const { name, format, moment, value, when, row } of facts) {
        figure(value, `${path}#/statistics/${name}`, answer.statistics[name], format);
        const at = moment ? answer.statistics[moment] : null;
        const isAlone = name === 'difference_to_yesterday_pln_kwh' && answer.statistics.yesterday_mean_buy_pln_kwh === null;
        put(when, at ? t('prices.at_time', { time: momentOf(answer.slots, at) }) : isAlone ? t('prices.no_yesterday') : '');
        if (name === 'remaining_mean_buy_pln_kwh') row.hidden = !answer.current;
      }
      putReason(why, answer.statistics.mean_market_pln_kwh === null ? whyUnknown(answer, 'slots.market_pln_kwh') : null);
    },
  };
}
