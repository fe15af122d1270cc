// The span's hours, days, months or years: drawn, and as a table; the picked one leads further in.
import { figure, figureOf, linkTo, make, named, put, set, t } from '../../kit.js';
import { bars } from './bars.js';
import { knownShare, tellKnown, ENERGIES } from './known.js';
import { bucketName } from './span.js';

/** @typedef {import('./bars.js').Drawn} Drawn */
/** @typedef {import('./bars.js').Kind} Kind */

/** @type {Kind[]} */
const FLOWS = [['pv', 'pv', 'pv', 1], ['discharge', 'battery', 'battery_discharge', 1], ['import', 'grid', 'import', 1],
  ['house', 'house', 'consumption', -1], ['charge', 'battery', 'battery_charge', -1], ['export', 'grid', 'export', -1]]
  .map(([name, colour, path, sign]) => ({ name: String(name), colour: String(colour), path: `energy.${path}.kwh`, sign: sign === 1 ? 1 : -1, as: 'energy' }));
/** @type {Kind[]} */
const COSTS = [{ name: 'cost', colour: 'dear', path: 'money.import_cost_pln', sign: 1, as: 'money' },
  { name: 'income', colour: 'cheap', path: 'money.export_income_pln', sign: -1, as: 'money' }];
/** What a bucket leads to. */
const INTO = { hour: undefined, day: 'day', month: 'month', year: 'year' };
const COLUMNS = [['net', 'money.net_cost_pln', 'money'], ...ENERGIES.map((name) => [`of_${name}`, `energy.${name}.kwh`, 'energy'])];

export function buckets() {
  const charts = [bars('flows', FLOWS, pick), bars('costs', COSTS, pick)];
  const name = make('strong');
  const link = make('a');
  const net = make('span.figure');
  const shade = make('p.quiet', { hidden: true }, t('energy.shade'));
  const known = make('span.known');
  const [caption, body] = [make('caption'), make('tbody')];
  const heads = COLUMNS.map(([key]) => make('th', { scope: 'col' }, t(/** @type {any} */ (`energy.${key}`))));
  const first = make('th', { scope: 'col' });
  const table = make('table', caption, make('thead', make('tr', first, ...heads, make('th', { scope: 'col' }, t('energy.made_known')))), body);
  const title = make('h3', { id: 'energy-buckets' });
  const box = make('section.tile.buckets', { 'aria-labelledby': 'energy-buckets' }, title, make('p.picked', name, make('span', `${t('energy.net')} `, net, ' ', known), link), ...charts.map((chart) => chart.box), shade,
    make('details', make('summary', t('energy.table')), make('div.wide', { tabindex: '0', role: 'region', 'aria-label': t('energy.table') }, table)));
  /** @type {Drawn} */
  let drawn = { buckets: [], unit: 'day', path: '' };
  let [picked, drawnPath] = [-1, ''];

  /** @param {number} at */
  function pick(at) {
    const bucket = drawn.buckets[at];
    if (!bucket) return;
    picked = at;
    figure(net, `${drawn.path}#/buckets/${at}/money/net_cost_pln`, bucket.money.net_cost_pln, 'money');
    put(name, bucketName(drawn.buckets, at, drawn.unit));
    tellKnown(known, bucket.completeness.parts ? knownShare(bucket.completeness, ENERGIES) : null);
    const into = INTO[drawn.unit];
    link.hidden = !into;
    put(link, into ? named('energy', 'open', into) : '');
    set(link, 'href', into ? linkTo('energy', { by: into, at: bucket.bucket }) : null);
    for (const chart of charts) chart.mark(at);
  }

  return {
    box,
    /** @param {import('./known.js').Shown} shown */
    update({ answer, path }) {
      drawn = { buckets: answer.buckets, unit: answer.by, path };
      for (const chart of charts) chart.draw(drawn);
      shade.hidden = answer.buckets.every(({ completeness: { parts, expected_parts: expected } }) => parts >= expected);
      const last = answer.buckets.reduce((found, { completeness }, at) => (completeness.parts ? at : found), 0);
      pick(path === drawnPath && picked >= 0 ? picked : last);
      drawnPath = path;
      put(title, named('energy', 'buckets', answer.by));
      put(first, named('energy', 'column', answer.by));
      put(caption, t('energy.table_caption', { unit: named('energy', 'unit', answer.by) }));
      body.replaceChildren(...answer.buckets.map((_, at) => row(at)));
    },
  };

  /** @param {number} at */
  function row(at) {
    const bucket = /** @type {import('./span.js').Bucket} */ (drawn.buckets[at]);
    const text = bucketName(drawn.buckets, at, drawn.unit);
    const into = INTO[drawn.unit];
    const mark = make('span.known');
    tellKnown(mark, bucket.completeness.expected_parts ? knownShare(bucket.completeness, ENERGIES) : null);
    return make('tr', make('th', { scope: 'row' }, into ? make('a', { href: linkTo('energy', { by: into, at: bucket.bucket }) }, text) : text),
      ...COLUMNS.map(([, path = '', as = '']) => make('td', figureOf(`${drawn.path}#/buckets/${at}/${path.replaceAll('.', '/')}`,
        path.split('.').reduce((/** @type {any} */ inside, key) => inside?.[key], bucket), as))), make('td', mark));
  }
}
