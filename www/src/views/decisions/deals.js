// The parts of a receipt.
import { dayOf, make, named, said, siteText, svg, t, whenOf } from '../../kit.js';
import { clockOf, endOf, tile, twice } from './parts.js';

/** @typedef {import('../../kit.js').Schemas} Schemas */
/** @typedef {Schemas['DecisionReceipt']} Answer */
/** @typedef {ReturnType<typeof import('./parts.js').pen>} Pen */

const FORMS = { gained: 'M8 2 14 12H2z', lost: 'M8 14 2 4h12z', even: 'M2 4h12v3H2zm0 5h12v3H2z' };

/** Who says so. @param {string | null | undefined} source */
const saidBy = (source) => (source ? named('decisions', 'by', source) : '');

/** Gained or lost, first of all. @param {Answer} answer @param {Pen} p */
export function verdict({ decision, receipt }, p) {
  const isTotal = typeof receipt.difference_pln === 'number';
  const difference = receipt.difference_pln ?? receipt.difference_pln_kwh;
  if (difference === null || difference === undefined) {
    return tile('verdict', t('decisions.worth'), make('p.big', p.number('receipt.difference_pln', 'money')), make('p.reason', ...p.why('receipt.difference_pln')));
  }
  const way = difference > 0 ? 'gained' : difference < 0 ? 'lost' : 'even';
  const figure = isTotal ? p.number('receipt.difference_pln', 'amount') : p.number('receipt.difference_pln_kwh', 'amountKwh');
  const box = tile('verdict', t('decisions.worth'),
    make('p.big', svg('svg', { class: 'mark', viewBox: '0 0 16 16', 'aria-hidden': 'true' }, svg('path', { d: FORMS[way] })), `${named('decisions', 'verdict', way)} `, figure),
    make('p.words', named('decisions', `means_${decision.kind}`, way)),
    make('p.reason', ...(isTotal ? [] : p.why('receipt.difference_pln'))),
    make('p.reason', ...(receipt.known_slots < receipt.expected_slots ? p.whyOf('receipt.known_slots') : [])));
  box.dataset.verdict = way;
  return box;
}

/** What was done, or the best instead of it. @param {Answer} answer @param {Pen} p @param {'done' | 'alternative'} name */
export function deal({ decision, receipt }, p, name) {
  const it = receipt[name];
  const title = t(decision.kind === 'wait' ? `decisions.wait_${name}` : `decisions.${name}`);
  const at = `receipt.${name}`;
  if (!it) return tile(name, title, make('p.big', p.number(`${at}.pln`, 'money')), make('p.reason', ...p.why(`${at}.pln`)));
  const hours = twice(it.slots.flatMap(({ start, end }) => [start, end]));
  const verb = t(receipt.price === 'sell' ? 'decisions.earned' : 'decisions.paid');
  const rows = it.slots.map(({ start, end }, row) => make('tr',
    make('th', { scope: 'row' }, `${clockOf(start, hours)}\u2013${clockOf(end, hours)}`),
    make('td', p.number(`${at}.slots.${row}.price_pln_kwh`, 'exact'))));
  return tile(name, title,
    make('p.words', said(it.what)),
    make('p', make('span.quiet', `${verb} `), make('span.big', p.number(`${at}.pln`, 'money'))),
    make('p.reason', ...((it.pln ?? 0) < 0 ? [t('decisions.below_zero')] : p.why(`${at}.pln`))),
    make('p.quiet', ...(it.start && it.end ? [`${t('decisions.span', { from: whenOf(it.start), to: endOf(it.end, it.start, hours) })}, `] : []),
      `${t('decisions.mean')} `, p.number(`${at}.mean_pln_kwh`, 'price')),
    make('details', make('summary', t('decisions.slots', { n: it.slots.length })), make('table',
      make('thead', make('tr', make('th', { scope: 'col' }, t('decisions.quarter')), make('th', { scope: 'col' }, t('decisions.price_unit')))),
      make('tbody', ...rows))));
}

/** What the money is reckoned with, and who says so. @param {Answer} answer @param {Pen} p */
export const assumed = ({ receipt }, p) => tile('reckoned', t('decisions.reckoned'), make('dl.facts',
  p.fact(t('decisions.energy'), 'receipt.energy_kwh', 'energy', saidBy(receipt.energy_source)),
  p.fact(t('decisions.usable'), 'receipt.usable_kwh', 'energy'),
  p.fact(t('decisions.power'), 'receipt.power_w', 'power', saidBy(receipt.power_source))));

/** What was known when it was decided. @param {Answer} answer @param {Pen} p */
export function knownThen({ known_then: known }, p) {
  const rank = known.price_rank === null ? []
    : [make('span', `${t('decisions.rank')} `, p.number('known_then.price_rank', 'count'), ` ${t('decisions.of')} `, p.number('known_then.price_rank_of', 'count'))];
  const box = tile('known', t('decisions.known'), make('dl.facts',
    p.fact(t('decisions.battery'), 'known_then.soc_pct', 'percent', saidBy(known.soc_source)),
    p.fact(t('decisions.pv'), 'known_then.pv_w', 'power', saidBy(known.pv_source)),
    p.fact(t('decisions.load'), 'known_then.load_w', 'power', saidBy(known.load_source)),
    p.fact(t('decisions.price'), 'known_then.price_pln_kwh', 'price', saidBy(known.price_source), ...rank)));
  if (known.reading_at) box.append(make('p.quiet', t('decisions.reading_at', { when: whenOf(known.reading_at) })));
  const lists = /** @type {const} */ ([['price_forecasts', 'price'], ['pv_forecasts', 'power']]);
  for (const [name, as] of lists) {
    const lines = known[name].map((forecast, at) => make('li', p.number(`known_then.${name}.${at}.value`, as), ', ', siteText(forecast.source), ', ',
      t('decisions.made_at', { when: whenOf(forecast.made_at) }),
      ...(forecast.confidence === null ? [] : [`, ${t('decisions.confidence')} `, p.number(`known_then.${name}.${at}.confidence`, 'share')])));
    box.append(make('h3', t(`decisions.${name}`)), lines.length ? make('ul', ...lines) : make('p.quiet', ...p.whyOf(`known_then.${name}`)));
  }
  return box;
}

/** The session that the coordinator recorded. @param {Answer} answer @param {Pen} p */
export function session({ session: it, receipt }, p) {
  const title = t('decisions.session');
  if (!it) return tile('session', title, make('p.reason', ...p.whyOf('session')));
  const hours = twice([it.start, it.end]);
  return tile('session', title,
    make('p.words', t('decisions.span', { from: whenOf(it.start), to: it.end ? endOf(it.end, it.start, hours) : t('common.unknown') }),
      ...(it.status ? [', ', siteText(it.status)] : [])),
    make('dl.facts',
      p.fact(t('decisions.energy'), 'session.energy_kwh', 'energy'),
      p.fact(t(receipt.price === 'sell' ? 'decisions.session_earned' : 'decisions.session_paid'), 'session.pln', 'money'),
      p.fact(t('decisions.mean'), 'session.mean_pln_kwh', 'price')));
}

/** How it was reckoned, for whoever wants to know. @param {Answer} answer @param {Pen} p */
export function method({ receipt, prices }, p) {
  const { method: how } = receipt;
  return make('details.tile.method', make('summary', t('decisions.method')),
    make('p', said(how.formula)),
    make('dl.facts',
      p.fact(t('decisions.efficiency'), 'receipt.method.round_trip_efficiency', 'share', said(how.round_trip_efficiency_source)),
      p.fact(t('decisions.assumed_power'), 'receipt.method.assumed_power_w', 'power', said(how.assumed_power_source)),
      p.fact(t('decisions.reach'), 'receipt.method.reach_h', 'hours'),
      p.fact(t('decisions.known_slots'), 'receipt.known_slots', 'count',
        make('span', `${t('decisions.of')} `, p.number('receipt.expected_slots', 'count')))),
    make('h3', t('decisions.price_days')),
    make('ul', ...prices.map(({ day, source, fetched_at: fetched }, at) => make('li', `${dayOf(day)}: `,
      p.number(`prices.${at}.received`, 'count'), ` ${t('decisions.of')} `, p.number(`prices.${at}.expected`, 'count'),
      ...(source ? [`, ${named('decisions', 'source', source)}`] : []),
      ...(fetched ? [`, ${t('decisions.fetched', { when: whenOf(fetched) })}`] : [])))));
}
