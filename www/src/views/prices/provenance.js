// Where the prices came from, when, and how many there are; all three kinds of them one tap away.
import { fillWith, figureOf, make, named, put, putReason, t, tellAge, whenOf } from '../../kit.js';
import { ruleOf } from './rule.js';
import { spanOf } from './slots.js';

/** @typedef {import('../../kit.js').Schemas['Provenance']} Provenance */
const KINDS = /** @type {const} */ (['provenance', 'sell_provenance', 'kompas_provenance']);
/** What `unknown` says of each. */
const WHY = { provenance: 'slots', sell_provenance: 'slots.sell_pln_kwh', kompas_provenance: 'slots.kompas' };

export function provenance() {
  const badge = make('p.badge');
  const age = make('span');
  const lacking = make('p.reason');
  const kinds = make('div.origins');
  const box = make('section.tile.provenance', { 'aria-labelledby': 'provenance-title' },
    make('h2', { id: 'provenance-title' }, t('prices.provenance')), badge, make('p.age', `${t('prices.fetched')} `, age), lacking,
    make('details', make('summary', t('prices.provenance_more')), kinds));
  let drawn = '';
  return {
    box,
    /** @param {import('../prices.js').Shown} shown */
    update({ answer, path }) {
      const origin = answer.provenance;
      tellAge(age, { at: origin.fetched_at });
      const text = JSON.stringify([path, KINDS.map((kind) => answer[kind]), answer.unknown]);
      if (text === drawn) return;
      drawn = text;
      badge.replaceChildren(
        make('strong', origin.source ? named('prices', 'source', origin.source) : t('common.unknown')), ', ',
        ...(origin.publication_ts ? [t('prices.published_at', { time: whenOf(origin.publication_ts) }), ', '] : []),
        ...countOf(origin, `${path}#/provenance`), '. ', ...ruleOf(origin.rule));
      putReason(lacking, origin.received < origin.expected ? answer.unknown?.['slots.market_pln_kwh'] : null);
      fillWith(kinds, ...KINDS.flatMap((kind) => details(kind)));

      /** @param {typeof KINDS[number]} kind */
      function details(kind) {
        const given = answer[kind];
        const head = make('h3', t(kind === 'provenance' ? 'prices.provenance_buy' : `prices.${kind}`));
        if (!given) {
          const why = make('p.reason');
          putReason(why, answer.unknown?.[WHY[kind]]);
          return [head, make('p', t('prices.provenance_none')), why];
        }
        /** @type {[import('../../kit.js').Key, (Node | string)[]][]} */
        const facts = [
          ['prices.source', [given.source ? named('prices', 'source', given.source) : t('common.unknown')]],
          ['prices.fetched', [given.fetched_at ? whenOf(given.fetched_at) : t('common.unknown')]],
          ['prices.published', [given.publication_ts ? whenOf(given.publication_ts) : t('common.unknown')]],
          ['prices.received', countOf(given, `${path}#/${kind}`)],
          ['prices.holes', [given.holes.length ? given.holes.map((hole) => spanOf(answer.slots, hole)).join(', ') : t('prices.holes_none')]],
          ['prices.rule', ruleOf(given.rule)],
        ];
        return [head, make('dl.facts', ...facts.map(([name, inside]) => make(name === 'prices.rule' ? 'div.rule' : 'div', make('dt', t(name)), make('dd', ...inside))))];
      }
    },
  };
}

/** `96 of 96`, and whether that is all. @param {Provenance} origin @param {string} pointer @returns {(Node | string)[]} */
function countOf({ received, expected }, pointer) {
  return [figureOf(`${pointer}/received`, received, 'count'), ` ${t('prices.of')} `, figureOf(`${pointer}/expected`, expected, 'count'),
    ` (${t(received >= expected ? 'prices.complete' : 'prices.incomplete')})`];
}
