// The span beside the one before it and the same one a year ago: what it was then, and what has changed.
import { dayOf, figureOf, make, named, put, t } from '../../kit.js';
import { ENERGIES, knownShare, tellKnown, tile } from './known.js';
import { daysOf } from './span.js';

/** @typedef {import('./known.js').Shown} Shown */
/** @typedef {NonNullable<import('./known.js').Range['previous']>} Other */

const COMPARED = /** @type {const} */ (['net_cost', 'pv', 'consumption', 'import', 'export']);
const [FLAT, KWH] = ['money.net_cost_pln', (/** @type {string} */ name) => `energy.${name}.kwh`];

export function compare() {
  const others = [other('previous'), other('year_ago')];
  const running = make('p.quiet');
  return {
    box: tile('compare', make('div.beside', ...others.map(({ box }) => box)), running),
    /** @param {Shown} shown */
    update(shown) {
      for (const one of others) one.update(shown);
      put(running, shown.running ? t('energy.compare_running') : '');
    },
  };
}

/** @param {'previous' | 'year_ago'} name */
function other(name) {
  const title = make('h4');
  const known = make('span.known');
  const mark = make('p.quiet', `${t('energy.made_known')}: `, known);
  const body = make('tbody');
  const heads = ['what', 'then', 'change'].map((head) => make('th', { scope: 'col' }, named('energy', 'compare', head)));
  const table = make('table', make('thead', make('tr', ...heads)), body);
  const [nothing, partly] = [make('p.reason'), make('p.partly')];
  return {
    box: make('div', title, mark, table, partly, nothing),
    /** @param {Shown} shown */
    update({ answer, path }) {
      const then = answer[name];
      const isKnown = Boolean(then?.completeness.parts);
      const days = then ? stretch(then) : '';
      const count = then ? daysOf(then.from, then.to) : 0;
      put(title, !then ? t('energy.compare_none') : name === 'previous' ? t('energy.compare_previous', { n: count, days }) : t('energy.compare_year_ago', { days }));
      table.hidden = !isKnown;
      mark.hidden = !isKnown;
      put(nothing, isKnown ? '' : t('energy.compare_nothing'));
      const isWhole = [then, answer.total].every((figures) => !figures || knownShare(figures.completeness, []) === 100);
      put(partly, isKnown && !isWhole ? t('energy.compare_partly') : '');
      tellKnown(known, then && isKnown ? knownShare(then.completeness, ENERGIES) : null);
      if (then) body.replaceChildren(...COMPARED.map((what) => line(answer.total, then, what, `${path}#/`, name)));
    },
  };
}

/** @param {Shown['answer']['total']} total @param {Other} then @param {typeof COMPARED[number]} what @param {string} of @param {string} name */
function line(total, then, what, of, name) {
  const at = what === 'net_cost' ? FLAT : KWH(what);
  const [now, before] = [total, then].map((figures) => /** @type {number | null} */ (at.split('.').reduce((/** @type {any} */ inside, key) => inside?.[key], figures)));
  const change = then.change_pct[what];
  const way = typeof now !== 'number' || typeof before !== 'number' ? '' : now === before ? 'same' : now > before ? 'more' : 'less';
  const words = way ? named('energy', what === 'net_cost' ? 'cost' : 'change', way) : '';
  return make('tr', make('th', { scope: 'row' }, what === 'net_cost' ? t('energy.net') : named('energy', 'of', what)),
    make('td', figureOf(`${of}${name}/${at.replaceAll('.', '/')}`, before, what === 'net_cost' ? 'money' : 'energy')),
    make('td', figureOf(`${of}${name}/change_pct/${what}`, change, 'change'), words ? make('small', words) : ''));
}

/** A stretch of days in words. @param {Other} other */
const stretch = ({ from, to }) => (from === to ? dayOf(from) : t('energy.days', { from: dayOf(from), to: dayOf(to) }));
