// A chart by touch: a tap points, one finger sideways pans, two pinch, on a trackpad too. Up and down still scrolls the page
// (`touch-action: pan-y`).

/** @typedef {import('uplot')} Plot */
/** @typedef {{ from: number, to: number, fingers: number[] }} Start the stretch and where the fingers were, 0 to 1 of the width */
/** How far a finger goes, in pixels, before it is more than a tap. */
const SLACK = 10;
/** A pinch on a trackpad is over when nothing came for so long. */
const REST_MS = 250;

/** @param {HTMLElement} box @param {() => Plot | undefined} plotOf @param {Pick<import('../charts.js').Wanted, 'onZoom'> & { onLook?: (from: number, to: number) => void }} wanted */
export function fingers(box, plotOf, { onZoom, onLook }) {
  /** @type {Map<number, number>} */
  const down = new Map();
  /** @type {Start | undefined} */
  let start;
  /** @type {[number, number] | undefined} */
  let look;
  let resting = 0;

  /** @param {Plot} plot */
  const begin = (plot) => {
    start = { from: Number(plot.scales.x?.min), to: Number(plot.scales.x?.max), fingers: places(plot) };
  };
  /** @param {Plot} plot */
  const places = (plot) => {
    const { left, width } = plot.over.getBoundingClientRect();
    return [...down.values()].slice(0, 2).map((x) => (x - left) / width).sort((a, b) => a - b);
  };
  /** @param {PointerEvent} event */
  function pressed(event) {
    const plot = plotOf();
    if (!plot || !onZoom || event.pointerType !== 'touch' || !plot.over.contains(/** @type {Node} */ (event.target))) return;
    down.set(event.pointerId, event.clientX);
    begin(plot);
  }
  /** @param {PointerEvent} event */
  function moved(event) {
    const plot = plotOf();
    if (!plot || !start || !down.has(event.pointerId)) return;
    down.set(event.pointerId, event.clientX);
    const next = stretched(start, places(plot));
    const isTap = !look && down.size === 1 && Math.abs((next[0] - start.from) / (start.to - start.from)) * plot.over.clientWidth < SLACK;
    if (isTap) return;
    show(plot, next);
  }
  /** @param {Plot} plot @param {[number, number]} next */
  function show(plot, next) {
    look = next;
    if (onLook) onLook(...look);
    else plot.setScale('x', { min: look[0], max: look[1] });
  }
  /** @param {PointerEvent} event */
  function lifted(event) {
    const plot = plotOf();
    if (!down.delete(event.pointerId) || !plot) return;
    if (down.size) { begin(plot); return; }
    start = undefined;
    finish();
  }
  function finish() {
    if (look) onZoom?.(...look);
    look = undefined;
  }
  /** Browsers tell a trackpad's pinch as a wheel with Ctrl. @param {WheelEvent} event */
  function turned(event) {
    const plot = plotOf();
    if (!plot || !onZoom || !event.ctrlKey) return;
    event.preventDefault();
    const [from, to] = look ?? [Number(plot.scales.x?.min), Number(plot.scales.x?.max)];
    const at = plot.posToVal(event.clientX - plot.over.getBoundingClientRect().left, 'x');
    const by = Math.exp(Math.max(-50, Math.min(50, event.deltaY)) / 100);
    show(plot, [at - (at - from) * by, at + (to - at) * by]);
    window.clearTimeout(resting);
    resting = window.setTimeout(finish, REST_MS);
  }
  box.addEventListener('wheel', turned, { passive: false });
  box.addEventListener('pointerdown', pressed);
  window.addEventListener('pointermove', moved);
  window.addEventListener('pointerup', lifted);
  window.addEventListener('pointercancel', lifted);
  return () => {
    window.clearTimeout(resting);
    box.removeEventListener('wheel', turned);
    box.removeEventListener('pointerdown', pressed);
    window.removeEventListener('pointermove', moved);
    window.removeEventListener('pointerup', lifted);
    window.removeEventListener('pointercancel', lifted);
  };
}

/** The stretch that keeps what was below each finger below it. @param {Start} start @param {number[]} now @returns {[number, number]} */
function stretched({ from, to, fingers: [first = 0, second] }, [a = 0, b]) {
  const wide = to - from;
  if (second === undefined || b === undefined) return [from - (a - first) * wide, to - (a - first) * wide];
  const scaled = (wide * Math.max(0.02, second - first)) / Math.max(0.02, b - a);
  const left = from + first * wide - a * scaled;
  return [left, left + scaled];
}
