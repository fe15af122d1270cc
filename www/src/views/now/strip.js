// Today's and tomorrow's prices in one small drawing: a bar a quarter-hour, now marked. The view of prices has the rest.
import { make, serverNow, set, svg, t } from '../../kit.js';

/** @typedef {import('../../kit.js').State['prices']} Prices */
const HEIGHT = 40;

export function strip() {
  const bars = svg('g');
  const mark = svg('path', { class: 'is-now', 'vector-effect': 'non-scaling-stroke' });
  const drawing = svg('svg', { preserveAspectRatio: 'none', role: 'img', 'aria-label': t('now.price_strip') }, bars, mark);
  const box = make('a.strip', { href: '#/prices' }, drawing);
  let drawn = '';
  return {
    box,
    /** @param {Prices} prices */
    update(prices) {
      const days = [prices.today, prices.tomorrow].filter((day) => day !== null && day !== undefined);
      const text = JSON.stringify([days, prices.current?.start]);
      box.hidden = !days.length;
      if (text === drawn) return;
      drawn = text;
      const slots = days.flatMap((day) => day.slots.map(([buy]) => buy ?? null));
      const known = slots.filter((buy) => buy !== null);
      const [low, high] = [Math.min(0, ...known), Math.max(0.01, ...known)];
      const y = (/** @type {number} */ buy) => HEIGHT * (1 - (buy - low) / (high - low));
      set(drawing, 'viewBox', `0 0 ${slots.length} ${HEIGHT}`);
      // Equal neighbours are one path; three of them draw it all.
      const path = (/** @type {(buy: number) => boolean} */ wanted) => slots.map((buy, at) => (buy !== null && wanted(buy) ? `M${at} ${y(0).toFixed(1)}V${y(buy).toFixed(1)}h.85V${y(0).toFixed(1)}z` : '')).join('');
      bars.replaceChildren(svg('path', { class: 'bar', d: path((buy) => buy >= 0) }), svg('path', { class: 'below', d: path((buy) => buy < 0) }));
      const first = days[0];
      const at = first?.start ? (serverNow() - Date.parse(first.start)) / 1000 / first.slot_s : -1;
      set(mark, 'd', at >= 0 && at <= slots.length ? `M${at.toFixed(2)} 0V${HEIGHT}` : '');
    },
  };
}
