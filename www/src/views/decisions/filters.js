// What the reader wants to see of the timeline: kind, days, words of the reason. All of it stands in the address.
import { go, linkTo, make, named, note, t } from '../../kit.js';

export const FILTERS = /** @type {const} */ (['kind', 'text', 'from', 'to']);
/** @typedef {Record<string, string>} Chosen by the names above; empty: all */

const KINDS = /** @type {const} */ (['charging', 'wait', 'battery_selling']);
/** A search begins when the typing pauses. */
const PAUSE_MS = 350;

/** @param {(chosen: Chosen) => void} change told of what changes without the address being followed */
export function filters(change) {
  const kind = make('select', make('option', { value: '' }, t('decisions.all_kinds')),
    ...KINDS.map((name) => make('option', { value: name }, named('decisions', 'kind', name))));
  const from = make('input', { type: 'date' });
  const to = make('input', { type: 'date' });
  const text = make('input', { type: 'search', autocomplete: 'off', maxlength: 200 });
  const fields = { kind, text, from, to };
  const clear = make('a.button', { href: linkTo('decisions') }, t('decisions.clear'));
  const box = make('form.toolbar', { role: 'search', 'aria-label': t('decisions.filter') },
    ...Object.entries(fields).map(([name, field]) => make('label', make('span.quiet', named('decisions', 'field', name)), field)), clear);

  const chosen = () => Object.fromEntries(FILTERS.map((name) => [name, fields[name].value.trim()]));
  for (const field of [kind, from, to]) field.addEventListener('change', () => go('decisions', chosen()));
  let timer = 0;
  const search = () => {
    window.clearTimeout(timer);
    note('decisions', chosen());
    change(chosen());
  };
  text.addEventListener('input', () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(search, PAUSE_MS);
  });
  box.addEventListener('submit', (event) => {
    event.preventDefault();
    search();
  });
  return {
    box,
    /** Shows what is chosen. @param {Chosen} now */
    show(now) {
      for (const name of FILTERS) {
        if (fields[name].value.trim() !== now[name]) fields[name].value = now[name] ?? '';
      }
      clear.hidden = FILTERS.every((name) => !now[name]);
    },
    leave: () => window.clearTimeout(timer),
  };
}
