// A figure with its name, how much of it is known and, where it is not, why; and what the figures are made of.
import { figure, figureOf, formats, make, named, putReason, said, set, t, put, whyUnknown } from '../../kit.js';

/** @typedef {import('../../kit.js').Schemas['EnergyRange']} Range */
/** @typedef {import('../../kit.js').Schemas['Completeness']} Completeness */
/** @typedef {import('../../kit.js').Schemas['EnergyHole']['energy']} Energy */
/** @typedef {{ answer: Range, path: string, running: boolean }} Shown `path`: of the answer; `running`: today is in it */

export const ENERGIES = /** @type {const} */ (['pv', 'consumption', 'import', 'export', 'battery_charge', 'battery_discharge']);
const ROW_MINUTES = 5;

/**
 * Of how much of the time these energies are known, whole percent; 100 only where nothing is missing.
 * @param {Completeness} found @param {readonly Energy[]} energies
 */
export function knownShare({ parts, expected_parts: expected, expected_rows: rows, holes }, energies) {
  if (!expected) return null;
  const silent = energies.map((energy) => holes.filter((hole) => hole.energy === energy).reduce((sum, { minutes }) => sum + minutes, 0));
  const share = 100 * (Math.min(1, parts / expected) - Math.max(0, ...silent) / Math.max(1, rows * ROW_MINUTES));
  return share >= 100 ? 100 : Math.max(parts ? 1 : 0, Math.min(99, Math.floor(share)));
}

/** Says how much is known; aloud only where something is missing. @param {Element} node @param {number | null} share */
export function tellKnown(node, share) {
  const isWhole = share === 100;
  put(node, share === null ? '' : isWhole ? '\u2713' : t('energy.known_part', { share: formats.percent?.(share) ?? '' }));
  for (const name of ['aria-label', 'title']) set(node, name, isWhole ? t('energy.known_all') : null);
  set(node, 'role', isWhole ? 'img' : null);
  set(node, 'data-reckoned', true);
  node.classList.toggle('partly', share !== null && share < 100);
}

/** One figure of a list. @param {string} name */
export function fact(name) {
  const label = make('dt', name);
  const value = make('span.figure');
  const mark = make('small.known');
  const why = make('small.reason');
  return {
    label,
    row: make('div', label, make('dd', value, ' ', mark, why)),
    /**
     * @param {Shown} shown @param {string} path its place in the answer, dotted @param {keyof typeof formats} as
     * @param {number | null} [share] how much of it is known
     * @param {string} [reason] why it is not, where the answer says nothing
     */
    tell({ answer, path: asked }, path, as, share, reason) {
      const found = path.split('.').reduce((/** @type {any} */ inside, key) => inside?.[key], answer) ?? null;
      figure(value, `${asked}#/${path.replaceAll('.', '/')}`, found, as);
      tellKnown(mark, found === null || share === undefined ? null : share);
      const told = found === null ? whyUnknown(answer, path) : undefined;
      putReason(why, told);
      if (!told) put(why, found === null ? reason ?? '' : '');
    },
  };
}

/** A tile. @param {string} name @param {...Node} inside */
export const tile = (name, ...inside) => {
  const title = make('h3', { id: `energy-${name}` }, t(/** @type {any} */ (`energy.${name}`)));
  return make(`section.tile.${name}`, { 'aria-labelledby': `energy-${name}` }, title, ...inside);
};

/** Rows, days and prices that there are, and for each energy how it was found and what of it was lost sight of. */
export function made() {
  const counts = make('dl.facts');
  const body = make('tbody');
  const heads = ['energy', 'found', 'known', 'holes'].map((name) => make('th', { scope: 'col' }, named('energy', 'made', name)));
  const table = make('div.wide', { tabindex: '0', role: 'region', 'aria-label': t('energy.made') }, make('table', make('thead', make('tr', ...heads)), body));
  const box = make('details.made', make('summary', t('energy.made')), counts, table, make('p.quiet', t('energy.made_words')));
  return {
    box,
    /** @param {Shown} shown */
    update({ answer: { total }, path }) {
      const found = total.completeness;
      const pair = (/** @type {string} */ name, /** @type {'parts' | 'rows' | 'price_slots'} */ key) => make('div', make('dt', name), make('dd',
        figureOf(`${path}#/total/completeness/${key}`, found[key], 'count'), ` ${t('energy.of')} `,
        figureOf(`${path}#/total/completeness/expected_${key}`, found[`expected_${key}`], 'count')));
      counts.replaceChildren(pair(t('energy.made_days'), 'parts'), pair(t('energy.made_rows'), 'rows'), pair(t('energy.made_prices'), 'price_slots'));
      body.replaceChildren(...ENERGIES.map((energy) => {
        const known = make('span.known');
        const how = total.energy[energy].found_by;
        tellKnown(known, how ? knownShare(found, [energy]) : null);
        const holes = found.holes.flatMap((hole, at) => (hole.energy === energy ? [make('li', said(hole.why), ': ',
          t('energy.hole_count', { n: hole.count }), ', ', figureOf(`${path}#/total/completeness/holes/${at}/minutes`, hole.minutes, 'minutes'))] : []));
        return make('tr', make('th', { scope: 'row' }, named('energy', 'of', energy)), make('td', how ? named('energy', 'found', how) : t('common.unknown')),
          make('td', known), make('td', holes.length ? make('ul', ...holes) : t('energy.no_holes')));
      }));
      set(box, 'data-parts', found.parts);
    },
  };
}
