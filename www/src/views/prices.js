// The prices of a day by quarter-hour: `day` (today, tomorrow or a date) and `slot` (its start) are in the address.
import { Refused, ask, current, fillWith, fullDayOf, go, language, make, note, put, putReason, refusalText, said, set, t, withQuery } from '../kit.js';
import { chart } from './prices/chart.js';
import { days, dayOfParam } from './prices/days.js';
import { headline } from './prices/headline.js';
import { ladder } from './prices/ladder.js';
import { provenance } from './prices/provenance.js';
import { findSlot, keyOf, nowIn } from './prices/slots.js';
import { statistics } from './prices/statistics.js';
import { table } from './prices/table.js';
import { windows } from './prices/windows.js';

/** @typedef {import('../kit.js').Schemas['PriceDay']} PriceDay */
/**
 * What is shown: an answer, its path, and the chosen quarter-hour.
 * @typedef {{ path: string, answer: PriceDay, at: number, now: number }} Shown
 */

/** How soon a day that could not be had is asked for again. */
const RETRY_MS = 15_000;

/** @type {import('../shell.js').Mount} */
export function mount(main, params) {
  let address = params;
  /** @type {Shown | undefined} */
  let shown;
  let abort = new AbortController();
  /** What the shown answer was asked for: day, prices fetched when, present quarter-hour. */
  let known = '';
  let failedAt = 0;

  const choice = days();
  const now = headline();
  const drawing = chart(choose);
  const steps = ladder(choose);
  const hours = windows();
  const parts = [drawing, steps, hours, statistics(), provenance(), table()];
  const title = make('h2.day-title');
  const refusal = make('p.note', { role: 'status' });
  const again = make('button', { type: 'button', hidden: true, onclick: () => load() }, t('common.reload'));
  const why = make('p.reason');
  const without = make('section.tile.without', { hidden: true }, why);
  const waiting = make('p.quiet', t('common.loading'));
  const board = make('div.price-board', { hidden: true }, ...parts.map(({ box }) => box));
  const calendar = make('p.calendar', make('a', { href: withQuery('/prices.ics', { lang: language }), type: 'text/calendar' }, t('prices.calendar')),
    ' ', make('span.quiet', t('prices.calendar_help')));
  main.append(now.box, choice.box, make('div', title, refusal, again, waiting), without, board, calendar);

  /** @param {string} [day] */
  const dayParam = (day = address.get('day') ?? 'today') => day || 'today';

  /** Asks for the day that the address names. */
  async function load() {
    abort.abort();
    abort = new AbortController();
    const { signal } = abort;
    const path = withQuery('/api/v1/prices', { day: dayParam() });
    known = stamp();
    if (shown?.path !== path) set(board, 'aria-busy', 'true');
    if (!shown) put(title, nameOf(dayOfParam(dayParam(), current().timestamp)));
    try {
      /** @type {PriceDay} */
      const answer = await ask(path, signal);
      if (signal.aborted) return;
      failedAt = 0;
      shown = { path, answer, at: -1, now: -1 };
      fillWith(refusal);
      draw();
    } catch (error) {
      if (signal.aborted) return;
      // Who asks for what there is not is told so, and need not ask again.
      failedAt = error instanceof Refused && error.status === 400 ? Infinity : Date.now();
      fillWith(refusal, error instanceof Refused && error.message ? said(error.message) : refusalText(error));
      // The same day's older prices are still true; another day's are not what was asked for.
      if (shown?.path !== path) {
        shown = undefined;
        board.hidden = true;
        without.hidden = true;
        put(title, nameOf(dayOfParam(dayParam(), current().timestamp)));
      }
    }
    again.hidden = !failedAt || failedAt === Infinity;
    waiting.hidden = true;
    set(board, 'aria-busy', null);
  }

  /** Changes whenever the answer for the day may differ. */
  function stamp() {
    const { prices, timestamp } = current();
    return JSON.stringify([dayParam(), timestamp.slice(0, 10), prices.current?.start, prices.today?.provenance, prices.tomorrow?.provenance]);
  }

  function draw() {
    if (!shown) return;
    const { answer } = shown;
    shown.now = nowIn(answer.slots);
    const wanted = findSlot(answer.slots, address.get('slot') ?? '');
    const cheapest = answer.slots.findIndex((slot) => slot.start === answer.statistics.min_at);
    shown.at = wanted >= 0 ? wanted : shown.now >= 0 ? shown.now : Math.max(0, cheapest);
    put(title, nameOf(answer.day));
    const isEmpty = !answer.slots.length;
    board.hidden = isEmpty;
    without.hidden = !isEmpty && !answer.reason;
    putReason(why, answer.reason);
    waiting.hidden = true;
    if (!isEmpty) for (const part of parts) part.update(shown);
  }

  /** @param {number} at */
  function choose(at) {
    if (!shown || at < 0 || at >= shown.answer.slots.length) return;
    address = new URLSearchParams({ day: dayParam(), slot: keyOf(shown.answer.slots, at) });
    note('prices', Object.fromEntries(address));
    shown.at = at;
    drawing.update(shown);
    steps.update(shown);
  }

  // The same day once more is without a chosen slot.
  choice.begin((day) => go('prices', { day, slot: day === dayParam() ? null : address.get('slot') }));
  choice.update(dayParam());
  load();
  return {
    update(state) {
      now.update(state);
      choice.update(dayParam());
      if (failedAt ? Date.now() - failedAt > RETRY_MS : known !== stamp()) load();
      else if (shown && nowIn(shown.answer.slots) !== shown.now) draw();
      else {
        drawing.tick();
        hours.tick();
      }
    },
    follow(next) {
      const isSame = dayParam(next.get('day') ?? 'today') === dayParam();
      address = next;
      choice.update(dayParam());
      if (isSame && shown) draw();
      else load();
    },
    leave() {
      abort.abort();
      drawing.leave();
    },
  };
}

/** A day in words; today and tomorrow by name. What is no day has none. @param {string} day */
function nameOf(day) {
  if (Number.isNaN(Date.parse(day))) return t('prices.day');
  const { timestamp } = current();
  const word = /** @type {const} */ (['today', 'tomorrow', 'yesterday']).find((name) => dayOfParam(name, timestamp) === day);
  return word ? t(`prices.title_${word}`, { day: fullDayOf(day) }) : fullDayOf(day);
}
