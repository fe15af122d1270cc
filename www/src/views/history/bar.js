// The choices above the charts: which stretch, where in it, which series. They name places of the address.
import { make, set, t } from '../../kit.js';
import { NAMES, nameOf } from './series.js';
import { swatch } from './pane.js';
import { RANGES } from './ranges.js';

/** @typedef {import('./ranges.js').Range} Range */
/**
 * @typedef {object} Choices
 * @property {(range: Range) => void} range
 * @property {(from: string, to: string) => void} custom
 * @property {(by: number) => void} zoom 2: twice as wide
 * @property {(by: number) => void} move by so many widths
 * @property {() => void} out
 * @property {(series: import('./series.js').Name[]) => void} series
 */

/** @param {Choices} choices */
export function bar(choices) {
  const ranges = RANGES.map((range) => make('button', { type: 'button', onclick: () => choices.range(range) }, t(`history.range_${range}`)));
  const own = make('button', { type: 'button', 'aria-expanded': 'false', 'aria-controls': 'history-own', onclick: () => open(form.hidden) }, t('history.range_custom'));
  const from = make('input', { type: 'datetime-local', name: 'from' });
  const to = make('input', { type: 'datetime-local', name: 'to' });
  const form = make('form.toolbar', { id: 'history-own', hidden: true }, make('label', `${t('history.from')} `, from), make('label', `${t('history.to')} `, to),
    make('button', { type: 'submit' }, t('history.show')));
  form.addEventListener('submit', (event) => { event.preventDefault(); choices.custom(from.value, to.value); });
  /** @param {boolean} wanted */
  function open(wanted) {
    form.hidden = !wanted;
    set(own, 'aria-expanded', wanted);
    if (wanted && own === document.activeElement) from.focus();
  }

  /** @param {import('../../kit.js').Key} name @param {string} sign @param {() => void} act */
  const button = (name, sign, act) => make('button', { type: 'button', 'aria-label': t(name), title: t(name), onclick: act }, sign);
  const out = make('button', { type: 'button', onclick: choices.out }, t('history.zoom_leave'));
  const places = make('div.toolbar', { role: 'group', 'aria-label': t('history.zoom') },
    button('history.earlier', '\u2039', () => choices.move(-0.5)), button('history.later', '\u203a', () => choices.move(0.5)),
    button('history.zoom_in', '+', () => choices.zoom(0.5)), button('history.zoom_out', '\u2212', () => choices.zoom(2)), out);

  const boxes = NAMES.map((name) => make('input', { type: 'checkbox', value: name }));
  const series = make('fieldset.series', make('legend', t('history.series')), ...NAMES.map((name, at) => make('label', boxes[at] ?? '', swatch(name), ` ${nameOf(name)}`)));
  series.addEventListener('change', () => choices.series(NAMES.filter((_, at) => boxes[at]?.checked)));

  return {
    box: make('div.choices', make('div.toolbar', { role: 'group', 'aria-label': t('history.ranges') }, ...ranges, own), form, series),
    places,
    open,
    /** @param {Range} range @param {import('./series.js').Name[]} shown */
    tell(range, shown) {
      ranges.forEach((button, at) => set(button, 'aria-pressed', String(RANGES[at] === range)));
      set(own, 'aria-pressed', String(range === 'custom'));
      out.disabled = range !== 'custom';
      boxes.forEach((box, at) => { box.checked = shown.some((name) => name === NAMES[at]); });
    },
    /** What is shown, in the fields of an own range; not while somebody writes there. @param {string} first @param {string} last */
    stretch(first, last) {
      if (form.contains(document.activeElement)) return;
      [from.value, to.value] = [first.slice(0, 16), last.slice(0, 16)];
    },
  };
}
