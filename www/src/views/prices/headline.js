// The price of this moment, whichever day is looked at. It comes with the state of the house.
import { figure, figureOf, make, named, putReason, t, tWith, tellAge, timeOf, whyUnknown } from '../../kit.js';

const CURRENT = '/api/v1/state#/prices/current';

export function headline() {
  const buy = make('p.big');
  const words = make('p.words');
  const sell = make('span.figure');
  const why = make('p.reason');
  const whySell = make('p.reason');
  const age = make('p.age');
  const box = make('section.tile.price-now', { 'aria-labelledby': 'price-now-title' }, make('h2', { id: 'price-now-title' }, t('prices.now')),
    buy, words, why, make('p.words', `${t('prices.now_sell')} `, sell), whySell, age);
  return {
    box,
    /** @param {import('../../kit.js').State} state */
    update({ prices, unknown }) {
      const now = prices.current;
      figure(buy, `${CURRENT}/buy_pln_kwh`, now?.buy_pln_kwh, 'price');
      figure(sell, `${CURRENT}/sell_pln_kwh`, now?.sell_pln_kwh, 'price');
      const isNegative = (now?.buy_pln_kwh ?? 0) < 0 || (now?.market_pln_kwh ?? 0) < 0;
      box.classList.toggle('negative', isNegative);
      words.replaceChildren(...[
        ...(now ? [[t('prices.now_until', { time: timeOf(now.end) })]] : []),
        ...(isNegative ? [[t((now?.buy_pln_kwh ?? 0) < 0 ? 'prices.mark_paid' : 'prices.mark_negative')]] : []),
        ...(now?.rank ? [tWith('prices.now_rank', { rank: figureOf(`${CURRENT}/rank`, now.rank, 'count'), of: figureOf(`${CURRENT}/of`, now.of, 'count') })] : []),
        ...(now?.buy_pln_kwh !== null && now?.trend ? [[named('prices', 'trend', now.trend)]] : []),
      ].flatMap((part, at) => (at ? [', ', ...part] : part)));
      putReason(why, typeof now?.buy_pln_kwh === 'number' ? null : whyUnknown({ unknown }, 'prices.current.buy_pln_kwh'));
      putReason(whySell, now && now.sell_pln_kwh === null ? whyUnknown({ unknown }, 'prices.current.sell_pln_kwh') : null);
      const origin = prices.today?.provenance;
      tellAge(age, { at: origin?.fetched_at, staleAfter: prices.stale_after, source: origin ? named('prices', 'source', origin.source) : undefined, box });
    },
  };
}
