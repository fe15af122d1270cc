// Charts on uPlot: our colours in every theme, the site's clock, one line a series with times of its own, and a cursor for
// keys, mouse and fingers. A chart is for the eye: whoever shows one tells the same in words or a table beside it.
import uPlot from 'uplot';
import { locale, make, set } from './kit.js';
import { dateAxis, valueAxis } from './charts/axis.js';
import { colour, onTheme } from './charts/colours.js';
import { fingers } from './charts/fingers.js';
import { keys } from './charts/keys.js';

export { colour } from './charts/colours.js';
export { isTwice, isoAt, offsetAt, secondsOf } from './charts/zone.js';

/** @typedef {[number, number | null]} Point seconds since 1970 and a value; null is a hole */
/**
 * @typedef {object} Line
 * @property {string} name in words
 * @property {string} colour a CSS variable, `--pv`
 * @property {() => boolean} [holds] whether its values hold until the next point now: steps
 * @property {boolean} [fill] coloured down to zero
 * @property {number[]} [dash]
 */
/**
 * @typedef {object} Wanted
 * @property {string} label the chart's accessible name
 * @property {Line[]} lines
 * @property {(value: number) => string} value how its axis writes a value
 * @property {(seconds: number) => string} [say] the values at a point in words, for who moves the cursor by keys
 * @property {[number | undefined, number | undefined]} [limits] the axis shows at least these; `[0, 100]`
 * @property {(seconds: number | null) => void} [onPoint] the cursor is at a point of time, or nowhere
 * @property {(from: number, to: number) => void} [onZoom] the reader chose a stretch of time
 * @property {(from: number, to: number) => void} [onLook] fingers are moving the stretch of time; without it the chart follows alone
 * @property {() => void} [onOut] the reader wants out of it
 */
/**
 * @typedef {object} Chart
 * @property {HTMLElement} box its height is CSS's: `.graph`
 * @property {(data: Point[][], x: [number, number], zone: string) => void} show one list a line, in order of time
 * @property {(seconds: number | null) => void} point moves the cursor, and tells nobody
 * @property {(from: number, to: number) => void} look shows another stretch of what it has
 * @property {() => boolean} held whether somebody is just moving something in it
 * @property {() => void} end
 */

/** @param {Wanted} wanted @returns {Chart} */
export function chart(wanted) {
  const box = make('div.graph', { tabindex: '0', role: 'slider', 'aria-label': wanted.label, 'aria-valuenow': 0, 'aria-orientation': 'horizontal' });
  /** @type {uPlot | undefined} */
  let plot;
  let zone = 'UTC';
  /** @type {[number, number]} */
  let stretch = [0, 1];
  /** Where the cursor is. @type {number | null} */
  let at = null;
  /** It is being moved by the page itself. */
  let quiet = false;

  const draw = () => new uPlot(options(wanted, size(box), () => zone, () => stretch, told), undefined, box);
  /** @param {uPlot} u */
  function told(u) {
    if (quiet) return;
    at = u.cursor.left === undefined || u.cursor.left < 0 ? null : u.posToVal(u.cursor.left, 'x');
    wanted.onPoint?.(at);
    tell();
  }
  /** What a screen reader says of the cursor. */
  function tell() {
    const [from, to] = stretch;
    set(box, 'aria-valuemin', Math.round(from));
    set(box, 'aria-valuemax', Math.round(to));
    set(box, 'aria-valuenow', Math.round(at ?? to));
    set(box, 'aria-valuetext', wanted.say?.(at ?? to));
  }
  /** Changes the chart, whose cursor stays at its time. @param {(u: uPlot) => void} how */
  function change(how) {
    const u = plot;
    if (!u) return;
    quiet = true;
    u.batch(() => how(u));
    const left = at === null ? -10 : u.valToPos(at, 'x');
    const isOut = left < 0 || left > u.over.clientWidth;
    u.setCursor({ left: isOut ? -10 : left, top: isOut ? -10 : Math.max(0, u.cursor.top ?? 0) });
    quiet = false;
    tell();
  }
  const resized = new ResizeObserver(() => {
    const { width, height } = size(box);
    if (plot && (plot.width !== width || plot.height !== height)) plot.setSize({ width, height });
  });
  resized.observe(box);
  let held = false;
  const hold = () => { held = true; };
  const release = () => { held = false; };
  box.addEventListener('pointerdown', hold);
  for (const name of ['pointerup', 'pointercancel']) window.addEventListener(name, release);
  const ends = [onTheme(() => plot?.redraw(false, true)), keys(box, () => plot, wanted), fingers(box, () => plot, wanted)];

  /** @type {Chart} */
  const self = {
    box,
    show(data, x, place) {
      stretch = x;
      zone = place;
      plot ??= draw();
      change((u) => {
        u.setData(/** @type {any} */ (joined(data)), false);
        u.setScale('x', { min: x[0], max: x[1] });
      });
    },
    point(seconds) {
      at = seconds;
      change(() => {});
    },
    look(from, to) {
      if (from < to) change((u) => u.setScale('x', { min: from, max: to }));
    },
    held: () => held,
    end() {
      resized.disconnect();
      for (const name of ['pointerup', 'pointercancel']) window.removeEventListener(name, release);
      for (const end of ends) end();
      plot?.destroy();
    },
  };
  return self;
}

/** @param {HTMLElement} box */
const size = (box) => ({ width: Math.max(120, Math.floor(box.clientWidth)), height: Math.max(80, Math.floor(box.clientHeight)) });

/**
 * Lines with times of their own on one list of times. Where a line has no point it is drawn through (undefined); a hole (null)
 * takes in the strange times beside it.
 * @param {Point[][]} data
 */
function joined(data) {
  const tables = data.map((points) => [points.map(([x]) => x), points.map(([, y]) => y)]);
  return uPlot.join(/** @type {any} */ (tables), tables.map(() => [2, 2]));
}

/**
 * @param {Wanted} wanted @param {{ width: number, height: number }} place @param {() => string} zone
 * @param {() => [number, number]} stretch @param {(plot: uPlot) => void} told @returns {uPlot.Options}
 */
function options({ lines, value, limits = [undefined, undefined], onZoom, onOut }, place, zone, stretch, told) {
  return {
    ...place,
    legend: { show: false },
    scales: { x: { time: false, auto: false, range: (u, min, max) => (min === null ? stretch() : [min, max]) }, y: { range: (u, min, max) => room(min, max, limits) } },
    axes: [dateAxis(locale, zone), valueAxis(value)],
    series: [{}, ...lines.map(seriesOf)],
    cursor: {
      y: false,
      drag: { x: Boolean(onZoom), y: false, setScale: false, dist: 6 },
      bind: { dblclick: () => () => { onOut?.(); return null; } },
      points: { size: 8, width: 2 },
      hover: { prox: 40 },
    },
    hooks: {
      setCursor: [told],
      setSelect: [(u) => {
        if (u.select.width < 6) return;
        onZoom?.(u.posToVal(u.select.left, 'x'), u.posToVal(u.select.left + u.select.width, 'x'));
        u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      }],
      drawAxes: [zeroLine],
    },
  };
}

/** Zero stands out where there is something below it. @param {uPlot} plot */
function zeroLine({ ctx, bbox, scales, valToPos }) {
  if (!(Number(scales.y?.min) < 0 && Number(scales.y?.max) > 0)) return;
  const y = Math.round(valToPos(0, 'y', true)) + 0.5;
  ctx.save();
  ctx.beginPath();
  ctx.strokeStyle = colour('--quiet');
  ctx.lineWidth = uPlot.pxRatio;
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}

const steps = /** @type {uPlot.Series.PathBuilder} */ (uPlot.paths.stepped?.({ align: 1 }));
const straight = /** @type {uPlot.Series.PathBuilder} */ (uPlot.paths.linear?.());

/** @param {Line} line @returns {uPlot.Series} */
const seriesOf = ({ name, colour: wanted, holds, fill, dash = [] }) => ({
  label: name,
  stroke: () => colour(wanted),
  width: 1.5,
  dash,
  points: { show: false },
  spanGaps: false,
  // The colours have six digits; two more say how much is to be seen.
  ...(fill ? { fill: () => `${colour(wanted)}26` } : {}),
  paths: (...given) => (holds?.() ? steps : straight)(...given),
});

/**
 * The axis of values: round ends with a little room, and the limits within.
 * @param {number | null} low @param {number | null} high @param {[number | undefined, number | undefined]} limits @returns {[number, number]}
 */
function room(low, high, [least, most]) {
  const min = Math.min(low ?? least ?? 0, least ?? Infinity);
  const max = Math.max(high ?? most ?? 1, most ?? -Infinity);
  const air = (max - min || Math.abs(max) || 1) * 0.06;
  return [min === least ? min : min - air, max === most ? max : max + air];
}
