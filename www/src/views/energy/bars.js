// Bars of a span's buckets, stacked: what comes above zero, what goes below. One bucket is picked, by pointer or keys;
// its figures stand in the legend.
import { figure, formats, make, named, set, svg, t } from '../../kit.js';
import { bucketName, tickName } from './span.js';

/** @typedef {import('./span.js').Bucket} Bucket */
/** @typedef {{ name: string, colour: string, path: string, sign: 1 | -1, as: keyof typeof formats }} Kind what is stacked; `path`: in a bucket, dotted */
/** @typedef {{ buckets: Bucket[], unit: import('./span.js').Span['unit'], path: string }} Drawn `path`: of the answer */

const GAP = 0.12;

/** @param {Bucket} bucket @param {string} path @returns {number | null} */
const at = (bucket, path) => path.split('.').reduce((/** @type {any} */ inside, key) => inside?.[key], bucket) ?? null;

/** Round steps of a scale from `low` to `high`. @param {number} low @param {number} high */
function steps(low, high) {
  const rough = (high - low || 1) / 4;
  const ten = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * ten).find((size) => size >= rough) ?? rough;
  const [first, last] = [Math.floor(low / step + 1e-9), Math.ceil(high / step - 1e-9)];
  return Array.from({ length: last - first + 1 }, (_, n) => (first + n) * step);
}

/** @param {'flows' | 'costs'} name @param {Kind[]} kinds @param {(at: number) => void} pick */
export function bars(name, kinds, pick) {
  const shade = svg('path', { class: 'shade' });
  const mark = svg('path', { class: 'picked' });
  const lines = svg('path', { class: 'line', 'vector-effect': 'non-scaling-stroke' });
  const zero = svg('path', { class: 'zero', 'vector-effect': 'non-scaling-stroke' });
  const paths = kinds.map(({ colour }) => svg('path', { class: `bar ${colour}`, 'vector-effect': 'non-scaling-stroke' }));
  const drawing = svg('svg', { preserveAspectRatio: 'none', 'aria-hidden': 'true' }, mark, shade, lines, ...paths, zero);
  const [scale, names] = [make('div.scale', { 'aria-hidden': 'true' }), make('div.names', { 'aria-hidden': 'true' })];
  const plot = make('div.plot', { role: 'slider', tabindex: '0', 'aria-label': named('energy', 'chart', name) }, drawing);
  const rows = kinds.map(({ colour, name: kind }) => ({ kind, value: make('span.figure'), swatch: make(`span.swatch.${colour}`) }));
  const entry = (/** @type {typeof rows[number]} */ { kind, value, swatch }) => make('li', swatch, `${named('energy', 'kind', kind)} `, value);
  const half = (/** @type {1 | -1} */ sign) => make('div', make('h5', named('energy', name, sign > 0 ? 'above' : 'below')),
    make('ul.legend', ...rows.filter((_, n) => kinds[n]?.sign === sign).map(entry)));
  const box = make('div.bars', make('h4', named('energy', 'chart', name)), make('div.chart', scale, plot, names), make('div.legends', half(1), half(-1)));
  /** @type {Drawn} */
  let drawn = { buckets: [], unit: 'day', path: '' };
  let picked = 0;

  const point = (/** @type {PointerEvent} */ event) => {
    const { left, width } = plot.getBoundingClientRect();
    pick(Math.max(0, Math.min(drawn.buckets.length - 1, Math.floor((event.clientX - left) / width * drawn.buckets.length))));
  };
  plot.addEventListener('pointerdown', point);
  plot.addEventListener('pointermove', (event) => { if (event.pointerType === 'mouse' || event.buttons) point(event); });
  plot.addEventListener('keydown', (event) => {
    const last = drawn.buckets.length - 1;
    const to = { ArrowLeft: picked - 1, ArrowDown: picked - 1, ArrowRight: picked + 1, ArrowUp: picked + 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    pick(Math.max(0, Math.min(last, to)));
  });

  return {
    box,
    /** @param {Drawn} shown */
    draw(shown) {
      drawn = shown;
      const { buckets, unit } = shown;
      const stacks = buckets.map((bucket) => stack(kinds.map(({ path, sign }) => sign * (at(bucket, path) ?? 0))));
      const marks = steps(Math.min(0, ...stacks.flat(2)), Math.max(0.01, ...stacks.flat(2)));
      const [low, high] = [marks[0] ?? 0, marks[marks.length - 1] ?? 1];
      const y = (/** @type {number} */ value) => (100 * (high - value) / (high - low)).toFixed(2);
      set(drawing, 'viewBox', `0 0 ${buckets.length} 100`);
      paths.forEach((path, kind) => set(path, 'd', stacks.map((found, x) => {
        const [from, to] = found[kind] ?? [0, 0];
        return from === to ? '' : `M${x + GAP} ${y(from)}V${y(to)}H${x + 1 - GAP}V${y(from)}z`;
      }).join('')));
      set(zero, 'd', `M0 ${y(0)}H${buckets.length}`);
      set(lines, 'd', marks.map((value) => `M0 ${y(value)}H${buckets.length}`).join(''));
      set(shade, 'd', buckets.map(({ completeness: { parts, expected_parts: expected } }, x) => (parts < expected ? `M${x} 0V100H${x + 1}V0z` : '')).join(''));
      scale.replaceChildren(...marks.map((value) => placed(make('span', formats.decimal?.(Math.abs(value)) ?? ''), 'top', Number(y(value)))));
      names.replaceChildren(...buckets.map(({ start }, x) => placed(make('span', tickName(start, unit)), 'left', 100 * (x + 0.5) / buckets.length)));
      set(plot, 'aria-valuemax', buckets.length);
      set(plot, 'aria-valuemin', 1);
    },
    /** @param {number} bucket */
    mark(bucket) {
      picked = bucket;
      const found = drawn.buckets[picked];
      if (!found) return;
      set(mark, 'd', `M${picked} 0V100H${picked + 1}V0z`);
      rows.forEach(({ value }, n) => {
        const { path, as } = /** @type {Kind} */ (kinds[n]);
        figure(value, `${drawn.path}#/buckets/${picked}/${path.replaceAll('.', '/')}`, at(found, path), as);
      });
      set(plot, 'aria-valuenow', picked + 1);
      set(plot, 'aria-valuetext', [bucketName(drawn.buckets, picked, drawn.unit), ...rows.map(({ kind, value }) => t('energy.spoken', { name: named('energy', 'kind', kind), value: value.textContent ?? '' }))].join(', '));
    },
  };
}

/** Where each of a bucket's values begins and ends: those above zero upwards, those below downwards. @param {number[]} values @returns {[number, number][]} */
function stack(values) {
  let [up, down] = [0, 0];
  return values.map((value) => (value < 0 ? [down, (down += value)] : [up, (up += value)]));
}

/** @param {HTMLElement} node @param {'left' | 'top'} side @param {number} percent */
function placed(node, side, percent) {
  node.style[side] = `${percent}%`;
  return node;
}
