// What the chart shows, as SVG in pixels: bars of buying, a line of selling, zero, now, shades; drawn anew when it is resized.
import { formats, serverNow, set, svg, t, timeOf } from '../../kit.js';
import { isNegative, isWithin } from './slots.js';

/** @typedef {import('../prices.js').Shown} Shown */
/** @typedef {import('./slots.js').Slot} Slot */
const HEIGHT = 292;
/** Room for the axes, and for words above. */
const ROOM = { left: 42, right: 6, top: 44, bottom: 24 };
const RAIL = 4;
/** Least distance of the names of hours. */
const HOUR_PX = 46;
const NICE = [0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1, 2, 5];

export function drawing() {
  const layers = { shades: svg('g'), grid: svg('g'), bars: svg('g'), zero: svg('path', { class: 'zero' }), lines: svg('g'), words: svg('g') };
  const chosen = svg('rect', { class: 'chosen' });
  const now = svg('path', { class: 'is-now' });
  const nowWord = svg('text', { class: 'now-word', y: 10 });
  const hatch = svg('pattern', { id: 'hatch', width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
    svg('rect', { class: 'hatch-ground', width: 6, height: 6 }), svg('rect', { class: 'hatch-stroke', width: 3, height: 6 }));
  const box = svg('svg', { class: 'drawing', height: HEIGHT, 'aria-hidden': 'true' }, svg('defs', hatch), layers.shades, layers.grid, layers.bars, layers.zero,
    layers.lines, now, layers.words, nowWord, chosen);
  let width = 0;
  let count = 1;
  let drawn = '';
  const inner = () => width - ROOM.left - ROOM.right;
  const x = (/** @type {number} */ at) => ROOM.left + (inner() * at) / count;

  /** @param {Shown} shown */
  function draw(shown) {
    width = Math.max(200, Math.floor(box.parentElement?.clientWidth ?? 0));
    count = shown.answer.slots.length || 1;
    const text = JSON.stringify([width, shown.path, shown.answer.slots, shown.answer.windows.cheap]);
    if (text !== drawn) {
      drawn = text;
      paint(shown.answer);
    }
    mark(shown);
    set(chosen, 'x', (x(shown.at) - 1).toFixed(1));
    set(chosen, 'width', (inner() / count + 2).toFixed(1));
    set(chosen, 'y', ROOM.top - 6);
    set(chosen, 'height', HEIGHT - ROOM.top - ROOM.bottom + 12);
  }

  /** @param {Shown['answer']} answer */
  function paint({ slots, windows }) {
    set(box, 'viewBox', `0 0 ${width} ${HEIGHT}`);
    const { low, high, step } = scaleOf(slots);
    const y = (/** @type {number} */ price) => ROOM.top + ((high - price) / (high - low)) * (HEIGHT - ROOM.top - ROOM.bottom);
    const [top, bottom] = [ROOM.top, HEIGHT - ROOM.bottom];
    /** @param {string} name @param {(slot: Slot) => boolean} wanted @param {number} rail */
    const shade = (name, wanted, rail) => runs(slots, wanted).flatMap(([from, to]) => {
      const place = { x: x(from), width: x(to) - x(from) };
      return [svg('rect', { class: `shade ${name}`, ...place, y: top, height: bottom - top }),
        ...(rail ? [svg('rect', { class: `rail ${name}`, ...place, y: rail, height: RAIL })] : [])];
    });
    layers.shades.replaceChildren(
      ...shade('cheap', (slot) => isWithin(slot, windows.cheap), bottom), ...shade('dear', (slot) => isWithin(slot, windows.dear), top - RAIL),
      ...shade('hole', (slot) => slot.buy_pln_kwh === null, 0));

    const ticks = Array.from({ length: Math.round((high - low) / step) + 1 }, (_, at) => low + at * step);
    const hours = hoursOf(slots);
    layers.grid.replaceChildren(
      ...ticks.flatMap((price) => [svg('path', { class: 'grid', d: `M${ROOM.left} ${y(price)}H${width - ROOM.right}` }),
        svg('text', { class: 'tick', x: ROOM.left - 5, y: y(price) + 4, 'text-anchor': 'end' }, formats.decimal?.(Math.round(price * 100) / 100 + 0) ?? '')]),
      ...hours.flatMap(([at, name]) => [svg('path', { class: 'grid', d: `M${x(at)} ${bottom}v${RAIL + 2}` }),
        svg('text', { class: 'tick', x: x(at), y: HEIGHT - 5, 'text-anchor': at === 0 ? 'start' : 'middle' }, name)]),
      svg('text', { class: 'tick', x: 0, y: 10 }, t('prices.unit')));

    const gap = inner() / count > 6 ? 1 : 0.4;
    // The style fills all but those that are hatched.
    const bars = (/** @type {string} */ name, /** @type {(slot: Slot) => boolean} */ wanted) => svg('path', { class: name, fill: 'url(#hatch)', d: slots.map((slot, at) => {
      const buy = slot.buy_pln_kwh;
      if (buy === null || !wanted(slot)) return '';
      // A price of next to nothing is still to be seen.
      const end = Math.abs(y(buy) - y(0)) < 1.5 ? y(0) - 1.5 : y(buy);
      return `M${x(at).toFixed(1)} ${y(0).toFixed(1)}V${end.toFixed(1)}H${(x(at + 1) - gap).toFixed(1)}V${y(0).toFixed(1)}z`;
    }).join('') });
    const isCheap = (/** @type {Slot} */ slot) => isWithin(slot, windows.cheap);
    const isDear = (/** @type {Slot} */ slot) => isWithin(slot, windows.dear);
    layers.bars.replaceChildren(
      bars('bar', (slot) => !isNegative(slot) && !isCheap(slot) && !isDear(slot)), bars('bar cheap', (slot) => !isNegative(slot) && isCheap(slot)),
      bars('bar dear', (slot) => !isNegative(slot) && isDear(slot)), bars('hatched', isNegative));
    set(layers.zero, 'd', `M${ROOM.left} ${y(0)}H${width - ROOM.right}`);

    let pen = false;
    const sell = slots.map(({ sell_pln_kwh: price }, at) => {
      if (price === null) { pen = false; return ''; }
      const move = `${pen ? 'V' : `M${x(at).toFixed(1)} `}${y(price).toFixed(1)}H${x(at + 1).toFixed(1)}`;
      pen = true;
      return move;
    }).join('');
    layers.lines.replaceChildren(svg('path', { class: 'sell-halo', d: sell }), svg('path', { class: 'sell', d: sell }));
    layers.words.replaceChildren(...runs(slots, isNegative).flatMap(([from, to]) => [
      svg('path', { class: 'negative-rail', d: `M${x(from)} ${top - 6}v-6H${x(to)}v6` }),
      svg('text', { class: 'negative-word', x: Math.min(Math.max((x(from) + x(to)) / 2, ROOM.left + 30), width - 36), y: top - 16, 'text-anchor': 'middle' }, t('prices.chart_negative')),
    ]).slice(0, 8));
  }

  /** Names of hours that have room, with their slots. @param {Slot[]} slots @returns {[number, string][]} */
  function hoursOf(slots) {
    const every = [1, 2, 3, 6].find((hours) => (inner() / count) * 4 * hours >= HOUR_PX) ?? 6;
    let last = -Infinity;
    return slots.flatMap(({ start }, at) => {
      if (start.slice(14, 16) !== '00' || Number(start.slice(11, 13)) % every || x(at) - last < HOUR_PX * 0.8) return [];
      last = x(at);
      return [/** @type {[number, string]} */ ([at, timeOf(start)])];
    });
  }

  /** Where we are now. @param {Shown} shown */
  function mark({ answer, now: at }) {
    const slot = answer.slots[at];
    const into = slot ? (serverNow() - Date.parse(slot.start)) / (Date.parse(slot.end) - Date.parse(slot.start)) : 0;
    const place = x(at + Math.min(1, Math.max(0, into)));
    set(now, 'd', slot ? `M${place.toFixed(1)} 14V${HEIGHT - ROOM.bottom}` : '');
    const isLate = place > width - 60;
    set(nowWord, 'x', (place + (isLate ? 4 : -4)).toFixed(1));
    set(nowWord, 'text-anchor', isLate ? 'end' : place < ROOM.left + 60 ? 'start' : 'middle');
    const word = slot ? t('prices.mark_now') : '';
    if (nowWord.textContent !== word) nowWord.textContent = word;
  }

  return {
    box,
    draw,
    mark,
    /** The slot under the pointer; at the edges the nearest. @param {number} clientX */
    slotAt(clientX) {
      const into = clientX - box.getBoundingClientRect().left - ROOM.left;
      return Math.min(count - 1, Math.max(0, Math.floor((into / inner()) * count)));
    },
  };
}

/** Stretches of slots that are wanted: the first, and the one after the last. @param {Slot[]} slots @param {(slot: Slot) => boolean} wanted */
function runs(slots, wanted) {
  /** @type {[number, number][]} */
  const found = [];
  slots.forEach((slot, at) => {
    const last = found[found.length - 1];
    if (!wanted(slot)) return;
    if (last && last[1] === at) last[1] = at + 1;
    else found.push([at, at + 1]);
  });
  return found;
}

/** A scale that has zero and ends at round prices. @param {Slot[]} slots */
function scaleOf(slots) {
  const prices = slots.flatMap(({ buy_pln_kwh: buy, sell_pln_kwh: sell }) => [buy, sell]).filter((price) => price !== null);
  const [low, high] = [Math.min(0, ...prices), Math.max(0.05, ...prices)];
  const step = NICE.find((size) => (high - low) / size <= 6) ?? 10 ** Math.ceil(Math.log10((high - low) / 6));
  return { low: Math.floor(low / step) * step, high: Math.ceil(high / step) * step, step };
}
