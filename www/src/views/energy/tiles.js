// What a span came to: money first, then the balance, the battery, and what it would have cost otherwise.
import { dayOf, figure, make, named, put, putReason, set, t, tellAge, whyUnknown } from '../../kit.js';
import { ENERGIES, fact, knownShare, made, tellKnown, tile } from './known.js';

/** @typedef {import('./known.js').Shown} Shown */

export function headline() {
  const words = make('p.words');
  const value = make('span.big.figure');
  const known = make('span.known');
  const why = make('p.reason');
  const [unpriced, missing] = [make('p.note'), make('p.note')];
  const age = make('p.age');
  const from = made();
  const box = tile('net', make('p', value, ' ', known), words, why, unpriced, missing, from.box, age);
  return {
    box,
    /** @param {Shown} shown */
    update(shown) {
      const { answer, path, running } = shown;
      const { money, completeness } = answer.total;
      const net = money.net_cost_pln;
      figure(value, `${path}#/total/money/net_cost_pln`, net, 'amount');
      put(/** @type {Element} */ (box.firstChild), t(net !== null && net < 0 ? 'energy.earned' : 'energy.net'));
      put(words, net === null ? t('energy.net_unknown') : t(net < 0 ? (running ? 'energy.net_income_far' : 'energy.net_income') : running ? 'energy.net_cost_far' : 'energy.net_cost'));
      tellKnown(known, net === null ? null : knownShare(completeness, ['import', 'export']));
      putReason(why, net === null ? whyUnknown(answer, 'total.money.net_cost_pln') : undefined);
      putReason(unpriced, answer.unknown['total.money.import_cost_pln'] ?? answer.unknown['total.money.export_income_pln']);
      putReason(missing, answer.unknown.today ?? answer.unknown.days);
      tellAge(age, { at: answer.as_of, source: t(answer.source === 'rollups' ? 'energy.source_days' : 'energy.source_rows') });
      from.update(shown);
    },
  };
}

export function balance() {
  const flows = ENERGIES.map((name) => ({ name, ...fact(t(`energy.of_${name}`)) }));
  const [t1, t2] = [fact(t('energy.import_t1')), fact(t('energy.import_t2'))];
  const [sufficiency, consumption] = [fact(t('energy.sufficiency')), fact(t('energy.self_consumption'))];
  const difference = fact(t('energy.difference'));
  const more = make('details', make('summary', t('energy.meaning')), make('dl.facts', difference.row), meanings('sufficiency', 'self_consumption', 'zones', 'difference'));
  return {
    box: tile('balance', make('dl.facts', ...flows.map(({ row }) => row), t1.row, t2.row, sufficiency.row, consumption.row), more),
    /** @param {Shown} shown */
    update(shown) {
      const found = shown.answer.total.completeness;
      for (const { name, tell } of flows) tell(shown, `total.energy.${name}.kwh`, 'energy', knownShare(found, [name]));
      const bought = knownShare(found, ['import']);
      const { pv, consumption: house } = shown.answer.total.energy;
      t1.tell(shown, 'total.energy.import_t1_kwh', 'energy', bought);
      t2.tell(shown, 'total.energy.import_t2_kwh', 'energy', bought);
      sufficiency.tell(shown, 'total.self_sufficiency_pct', 'percent', knownShare(found, ['import', 'consumption']), house.kwh === 0 ? t('energy.no_consumption') : undefined);
      consumption.tell(shown, 'total.self_consumption_pct', 'percent', knownShare(found, ['pv', 'export']), pv.kwh === 0 ? t('energy.no_pv') : undefined);
      difference.tell(shown, 'total.energy.balance_error_kwh', 'energy', knownShare(found, ENERGIES));
    },
  };
}

/** Says what figures mean. @param {...string} names */
const meanings = (...names) => make('ul.quiet', ...names.map((name) => make('li', named('energy', 'mean', name))));

export function money() {
  const [cost, income, mean] = [fact(t('energy.cost')), fact(t('energy.income')), fact(t('energy.mean_price'))];
  const [unpaid, unsold] = [fact(t('energy.import_unpriced')), fact(t('energy.export_unpriced'))];
  const others = [instead('without_pv_and_battery'), instead('at_mean_price')];
  const more = make('details', make('summary', t('energy.meaning')), make('dl.facts', unpaid.row, unsold.row), meanings('prices', 'without', 'at_mean'));
  return {
    box: tile('money', make('dl.facts', cost.row, income.row, mean.row), ...others.map(({ box }) => box), more),
    /** @param {Shown} shown */
    update(shown) {
      const found = shown.answer.total.completeness;
      cost.tell(shown, 'total.money.import_cost_pln', 'money', knownShare(found, ['import']));
      income.tell(shown, 'total.money.export_income_pln', 'money', knownShare(found, ['export']));
      const { price_slots: slots, expected_price_slots: expected } = found;
      mean.tell(shown, 'total.money.mean_price_pln_kwh', 'price', expected ? (slots >= expected ? 100 : Math.floor(100 * slots / expected)) : null);
      unpaid.tell(shown, 'total.money.import_unpriced_kwh', 'energy');
      unsold.tell(shown, 'total.money.export_unpriced_kwh', 'energy');
      for (const other of others) other.update(shown);
    },
  };
}

/** What was saved against doing otherwise. @param {'without_pv_and_battery' | 'at_mean_price'} name */
function instead(name) {
  const saved = fact('');
  const [would, did] = [fact(t('energy.would')), fact(t('energy.did'))];
  const why = make('p.reason');
  const box = make('div.instead', make('h4', t(`energy.${name}`)), make('dl.facts', saved.row, would.row, did.row), why);
  return {
    box,
    /** @param {Shown} shown */
    update(shown) {
      const found = shown.answer.total.money[name];
      const path = `total.money.${name}`;
      put(saved.label, t(found && found.saved_pln < 0 ? 'energy.lost' : 'energy.saved'));
      const { expected_parts: expected } = shown.answer.total.completeness;
      const share = !found || !expected ? null : found.parts >= expected ? 100 : Math.max(1, Math.floor(100 * found.parts / expected));
      saved.tell(shown, `${path}.saved_pln`, 'amount', share);
      would.tell(shown, `${path}.cost_pln`, 'money');
      did.tell(shown, `${path}.real_cost_pln`, 'money');
      putReason(why, found ? whyUnknown(shown.answer, path) : undefined);
    },
  };
}

export function battery() {
  const [cycles, trip, change] = [fact(t('energy.cycles')), fact(t('energy.round_trip')), fact(t('energy.soc_change'))];
  const [days, capacity] = [fact(t('energy.days_since_full')), fact(t('energy.capacity'))];
  const full = make('span.figure.last-full');
  const why = make('small.reason');
  const last = make('div', make('dt', t('energy.last_full')), make('dd', full, why));
  const more = make('details', make('summary', t('energy.meaning')), make('dl.facts', capacity.row), meanings('cycles', 'round_trip', 'full'));
  return {
    box: tile('battery', make('dl.facts', cycles.row, trip.row, change.row, last, days.row), more),
    /** @param {Shown} shown */
    update(shown) {
      const share = knownShare(shown.answer.total.completeness, ['battery_charge', 'battery_discharge']);
      cycles.tell(shown, 'total.battery.equivalent_full_cycles', 'decimal', share);
      trip.tell(shown, 'total.battery.round_trip_pct', 'percent', share);
      change.tell(shown, 'total.battery.soc_change_pct', 'change', share);
      const day = shown.answer.total.battery.last_full;
      put(full, day ? dayOf(day) : t('common.unknown'));
      set(full, 'data-of', day ? `${shown.path}#/total/battery/last_full` : null);
      set(full, 'data-as', 'day');
      putReason(why, day ? undefined : whyUnknown(shown.answer, 'total.battery.last_full'));
      days.tell(shown, 'total.battery.days_since_full', 'count');
      days.row.hidden = !day;
      capacity.tell(shown, 'capacity_kwh', 'energy');
    },
  };
}
