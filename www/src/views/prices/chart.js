// The day's chart: chosen by tap, click, drag and arrow keys; what its shades and hatches mean stands below in words.
import { figureOf, formats, make, set, svg, t } from '../../kit.js';
import { drawing } from './drawing.js';
import { marksOf, spanOf } from './slots.js';

/** @typedef {import('../prices.js').Shown} Shown */
/** Arrow and other keys -> quarter-hours. */
const STEPS = new Map([['ArrowLeft', -1], ['ArrowDown', -1], ['ArrowRight', 1], ['ArrowUp', 1], ['PageDown', -4], ['PageUp', 4], ['Home', -Infinity], ['End', Infinity]]);
const DRAG_PX = 8;

/** @param {(at: number) => void} choose */
export function chart(choose) {
  const picture = drawing();
  const stage = make('div.stage', { role: 'slider', tabindex: '0', 'aria-label': t('prices.chart'), 'aria-valuemin': 0, 'aria-describedby': 'chart-help' }, picture.box);
  const legend = make('ul.legend');
  const box = make('section.tile.chart', { 'aria-label': t('prices.chart_title') }, stage, make('p.quiet', { id: 'chart-help' }, t('prices.chart_help')), legend);
  /** @type {Shown | undefined} */
  let shown;
  let listed = '';
  const watched = new ResizeObserver(() => { if (shown) picture.draw(shown); });
  watched.observe(stage);

  stage.addEventListener('keydown', (event) => {
    const step = STEPS.get(event.key);
    if (!shown || step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    choose(Math.min(shown.answer.slots.length - 1, Math.max(0, shown.at + step)));
  });
  const point = (/** @type {number} */ clientX) => {
    const at = picture.slotAt(clientX);
    if (at !== shown?.at) choose(at);
  };
  // Who scrolls the page with a finger on the chart chooses nothing.
  let downAt = 0;
  stage.addEventListener('pointerdown', ({ clientX }) => { downAt = clientX; });
  stage.addEventListener('pointermove', (event) => { if (event.buttons & 1 && Math.abs(event.clientX - downAt) > DRAG_PX) point(event.clientX); });
  stage.addEventListener('click', ({ clientX }) => point(clientX));

  /** @param {Shown} next */
  function list({ answer, path }) {
    const text = JSON.stringify([path, answer.windows.cheap, answer.windows.dear, answer.windows.negative, answer.provenance.holes]);
    if (text === listed) return;
    listed = text;
    const spans = (/** @type {{ start: string, end: string }[]} */ given) => given.map((span) => spanOf(answer.slots, span)).join(', ');
    const { cheap, dear, negative } = answer.windows;
    const holes = answer.provenance.holes;
    const lowest = negative.reduce((low, { min_market_pln_kwh: price }, at) => (price < (negative[low]?.min_market_pln_kwh ?? 0) ? at : low), 0);
    /** @type {[string, boolean, (Node | string)[]][]} */
    const items = [
      ['bar', true, [t('prices.legend_buy')]],
      ['sell', answer.slots.some((slot) => slot.sell_pln_kwh !== null), [t('prices.legend_sell')]],
      ['cheap', cheap.length > 0, [t('prices.legend_cheap'), ` ${spans(cheap)}`]],
      ['dear', dear.length > 0, [t('prices.legend_dear'), ` ${spans(dear)}`]],
      ['below', negative.length > 0, [t('prices.legend_negative'), ` ${spans(negative)}, `, t('prices.legend_lowest'), ' ',
        figureOf(`${path}#/windows/negative/${lowest}/min_market_pln_kwh`, negative[lowest]?.min_market_pln_kwh, 'price')]],
      ['hole', holes.length > 0, [t('prices.legend_hole'), ` ${spans(holes)}`]],
    ];
    legend.replaceChildren(...items.filter(([, isThere]) => isThere).map(([name, , inside]) => make('li', swatch(name), make('span', ...inside))));
  }

  return {
    box,
    /** @param {Shown} next */
    update(next) {
      shown = next;
      const { answer, at } = next;
      const slot = answer.slots[at];
      picture.draw(next);
      list(next);
      set(stage, 'aria-valuemax', answer.slots.length - 1);
      set(stage, 'aria-valuenow', at);
      if (!slot) return;
      const price = (/** @type {number | null} */ value) => (value === null ? t('common.unknown') : formats.price?.(value) ?? '');
      set(stage, 'aria-valuetext', [t('prices.chart_value', { span: spanOf(answer.slots, slot), buy: price(slot.buy_pln_kwh), sell: price(slot.sell_pln_kwh) }),
        ...marksOf(next, at)].join(', '));
    },
    /** Time goes on. */
    tick() { if (shown) picture.mark(shown); },
    leave() { watched.disconnect(); },
  };
}

/** A small sample of what the legend explains. @param {string} name */
const swatch = (name) => svg('svg', { class: 'swatch', viewBox: '0 0 24 16', 'aria-hidden': 'true' },
  ...(name === 'sell' ? [svg('path', { class: 'sell', d: 'M1 11h11V5h11' })]
    : name === 'bar' ? [svg('path', { class: 'bar', d: 'M3 4h5v12H3zM10 7h5v9h-5zM17 2h5v14h-5z' })]
      : [svg('rect', { class: `shade ${name}`, width: 24, height: 16 }),
        ...(name === 'cheap' || name === 'dear' ? [svg('rect', { class: `rail ${name}`, y: name === 'cheap' ? 13 : 0, width: 24, height: 3 })] : []),
        ...(name === 'below' ? [svg('rect', { fill: 'url(#hatch)', width: 24, height: 16 })] : [])]));
