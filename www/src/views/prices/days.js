// Which day: today, tomorrow, any other, and the one before or after.
import { current, make, set, t } from '../../kit.js';

const DAY_MS = 86_400_000;

/** @param {string} day @param {number} count */
const shifted = (day, count) => new Date(Date.parse(`${day}T00:00:00Z`) + count * DAY_MS).toISOString().slice(0, 10);

/** The date that the address means. @param {string} param @param {string} timestamp now, by the site's clock */
export function dayOfParam(param, timestamp) {
  const today = timestamp.slice(0, 10);
  const steps = { yesterday: -1, today: 0, tomorrow: 1 }[param];
  return steps === undefined ? param : shifted(today, steps);
}

export function days() {
  /** @type {(day: string) => void} */
  let choose = () => {};
  let shown = '';
  const goTo = (/** @type {string} */ day) => {
    const { timestamp } = current();
    choose(/** @type {const} */ (['today', 'tomorrow']).find((name) => dayOfParam(name, timestamp) === day) ?? day);
  };
  const button = (/** @type {string} */ text, /** @type {() => void} */ press, /** @type {Record<string, unknown>} */ more = {}) => (
    make('button', { type: 'button', onclick: press, ...more }, text));
  const before = button('\u2039', () => goTo(shifted(shown, -1)), { 'aria-label': t('prices.day_before') });
  const after = button('\u203a', () => goTo(shifted(shown, 1)), { 'aria-label': t('prices.day_after') });
  const today = button(t('prices.today'), () => choose('today'));
  const tomorrow = button(t('prices.tomorrow'), () => choose('tomorrow'));
  const date = make('input', { type: 'date', min: '2000-01-01', 'aria-label': t('prices.day') });
  date.addEventListener('change', () => { if (date.validity.valid && date.value) goTo(date.value); });
  const box = make('div.toolbar', { role: 'group', 'aria-label': t('prices.day') },
    make('div.together', today, tomorrow), make('div.together', before, date, after));
  return {
    box,
    /** @param {(day: string) => void} chosen */
    begin(chosen) { choose = chosen; },
    /** @param {string} param */
    update(param) {
      const { timestamp } = current();
      const day = dayOfParam(param, timestamp);
      const last = dayOfParam('tomorrow', timestamp);
      set(today, 'aria-pressed', String(day === dayOfParam('today', timestamp)));
      set(tomorrow, 'aria-pressed', String(day === last));
      set(date, 'max', last);
      // A day that nobody can read is the server's to refuse; the steps then begin from today.
      const isDay = !Number.isNaN(Date.parse(`${day}T00:00:00Z`));
      if (shown !== day) date.value = isDay ? day : '';
      shown = isDay ? day : timestamp.slice(0, 10);
      after.disabled = shown >= last;
    },
  };
}
