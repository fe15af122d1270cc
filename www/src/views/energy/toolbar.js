// Which span: its length, the one before and after, and a choice of the day, month or year itself.
import { go, linkTo, make, set, t } from '../../kit.js';
import { BY, as, beside, months, spanAt, years } from './span.js';

/** @typedef {import('./span.js').Span} Span */

export function toolbar() {
  const lengths = BY.map((by) => make('a.button', t(`energy.by_${by}`)));
  const [before, after] = [make('a.button', { 'aria-label': t('energy.before') }, '\u2039'), make('a.button', { 'aria-label': t('energy.after') }, '\u203a')];
  const day = make('input', { type: 'date', 'aria-label': t('energy.by_day'), min: '2000-01-01' });
  const month = make('select', { 'aria-label': t('energy.by_month') }, ...months().map(([value, name]) => make('option', { value }, name)));
  const year = make('select', { 'aria-label': t('energy.by_year') });
  const box = make('div.toolbar', make('span.group', { role: 'group', 'aria-label': t('energy.length') }, ...lengths),
    make('span.group', before, day, month, year, after));
  /** @type {Span} */
  let span;
  let today = '';

  const choose = () => {
    const at = span.by === 'day' ? day.value : span.by === 'month' ? `${year.value}-${month.value}` : year.value;
    if (at && at !== span.at) go('energy', placeOf(spanAt(span.by, at, today)));
  };
  for (const field of [day, month, year]) field.addEventListener('change', choose);

  return {
    box,
    /** @param {Span} shown @param {string} now */
    update(shown, now) {
      [span, today] = [shown, now];
      lengths.forEach((link, at) => {
        const by = BY[at] ?? 'day';
        set(link, 'href', linkTo('energy', placeOf(as(span, by, today))));
        set(link, 'aria-current', by === span.by ? 'true' : null);
      });
      for (const [link, way] of /** @type {const} */ ([[before, -1], [after, 1]])) {
        const to = beside(span, way, today);
        set(link, 'href', to ? linkTo('energy', placeOf(to)) : null);
        set(link, 'aria-disabled', to ? null : 'true');
        set(link, 'role', to ? null : 'link');
        link.hidden = span.by === 'all';
      }
      day.hidden = span.by !== 'day';
      month.hidden = span.by !== 'month';
      year.hidden = span.by !== 'month' && span.by !== 'year';
      set(day, 'max', today);
      if (span.by === 'day') day.value = span.at;
      if (year.hidden) return;
      const list = years(today, span.at.slice(0, 4));
      if (list.length !== year.options.length || list[0] !== year.options[0]?.value) year.replaceChildren(...list.map((name) => make('option', { value: name }, name)));
      year.value = span.at.slice(0, 4);
      month.value = span.at.slice(5, 7);
    },
  };
}

/** What the address says of a span. @param {Span} span */
export const placeOf = ({ by, at }) => ({ by, at });
