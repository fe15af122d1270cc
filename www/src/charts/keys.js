// A chart by keys: arrows move the cursor from point to point, with Shift the stretch of time; + and - zoom, Escape leads out.

/** @typedef {import('uplot')} Plot */
/** A page of points. */
const PAGE = 12;

/** @param {HTMLElement} box @param {() => Plot | undefined} plotOf @param {Pick<import('../charts.js').Wanted, 'onZoom' | 'onOut'>} wanted */
export function keys(box, plotOf, { onZoom, onOut }) {
  /** @param {KeyboardEvent} event */
  function pressed(event) {
    const plot = plotOf();
    if (!plot || event.ctrlKey || event.metaKey || event.altKey) return;
    const { min = 0, max = 1 } = plot.scales.x ?? {};
    const [from, to] = [Number(min), Number(max)];
    const isAt = plot.cursor.left !== undefined && plot.cursor.left >= 0;
    const at = isAt ? plot.posToVal(Number(plot.cursor.left), 'x') : to;
    const side = event.key === 'ArrowLeft' ? -1 : 1;
    if (event.shiftKey && (event.key === 'ArrowLeft' || event.key === 'ArrowRight')) onZoom?.(from + (side * (to - from)) / 2, to + (side * (to - from)) / 2);
    else if (event.key === 'ArrowLeft' || event.key === 'ArrowRight') step(plot, isAt ? side : 0);
    else if (event.key === 'PageUp' || event.key === 'PageDown') step(plot, event.key === 'PageUp' ? -PAGE : PAGE);
    else if (event.key === 'Home' || event.key === 'End') step(plot, event.key === 'Home' ? -Infinity : Infinity);
    else if (event.key === '+' || event.key === '=') onZoom?.(at - (at - from) / 2, at + (to - at) / 2);
    else if (event.key === '-') onZoom?.(at - (at - from) * 2, at + (to - at) * 2);
    else if (event.key === 'Escape') onOut?.();
    else return;
    event.preventDefault();
  }
  const left = () => plotOf()?.setCursor({ left: -10, top: -10 });
  box.addEventListener('keydown', pressed);
  box.addEventListener('blur', left);
  return () => { box.removeEventListener('keydown', pressed); box.removeEventListener('blur', left); };
}

/** Moves the cursor so many points on, within what is shown. @param {Plot} plot @param {number} by */
function step(plot, by) {
  const times = /** @type {number[]} */ (plot.data[0]);
  const [min, max] = [Number(plot.scales.x?.min), Number(plot.scales.x?.max)];
  const seen = times.filter((time) => time >= min && time <= max);
  if (!seen.length) return;
  const isAt = plot.cursor.left !== undefined && plot.cursor.left >= 0;
  const now = isAt ? seen.indexOf(times[plot.posToIdx(Number(plot.cursor.left))] ?? NaN) : seen.length - 1;
  const next = seen[Math.max(0, Math.min(seen.length - 1, (now < 0 ? seen.length - 1 : now) + by))] ?? max;
  plot.setCursor({ left: plot.valToPos(next, 'x'), top: 0 });
}
