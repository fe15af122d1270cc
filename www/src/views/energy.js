// Energy and money of a day, a month, a year or all years, from one answer: what it came to, what it is made of, how it
// compares. What the coordinator estimated itself is not here.
import { Refused, ask, current, language, make, put, refusalText, said, set, t, withQuery } from '../kit.js';
import { buckets } from './energy/buckets.js';
import { compare } from './energy/compare.js';
import { includes, nameOf, spanOf, todayOf } from './energy/span.js';
import { balance, battery, headline, money } from './energy/tiles.js';
import { toolbar } from './energy/toolbar.js';

/** @typedef {import('../kit.js').Schemas['EnergyRange']} Range */
/** Sums change with every row, each five minutes. */
const REFRESH_MS = 150_000;
const RETRY_MS = 10_000;

/** @type {import('../shell.js').Mount} */
export function mount(main, first) {
  const bar = toolbar();
  const title = make('h2', { tabindex: '-1' });
  const status = make('p.quiet', { role: 'status' });
  const note = make('p.note', { role: 'alert' });
  const again = make('button', { type: 'button', hidden: true, onclick: () => load() }, t('energy.again'));
  const parts = [headline(), buckets(), balance(), money(), battery(), compare()];
  const board = make('div.sums', ...parts.map(({ box }) => box));
  const save = make('a', t('energy.export'));
  main.append(bar.box, make('div.heading', title, status), note, again, board, make('p.export', save));

  let params = first;
  let today = todayOf(current());
  let span = spanOf(params, today);
  /** The path of the answer that is shown. */
  let shown = '';
  let [askedAt, reading] = [0, current().live.as_of];
  let abort = new AbortController();
  let timer = 0;

  /** Asks again in a while, once somebody looks. */
  function retry() {
    timer = window.setTimeout(() => (document.hidden ? retry() : load()), RETRY_MS);
  }

  async function load() {
    window.clearTimeout(timer);
    abort.abort();
    abort = new AbortController();
    const { signal } = abort;
    const wanted = span;
    askedAt = performance.now();
    // What is shown is only brought up to date without a word.
    const isOther = shown !== wanted.from + wanted.by;
    put(status, isOther ? t('common.loading') : '');
    set(board, 'aria-busy', isOther ? 'true' : null);
    try {
      const { answer, path } = await sums(wanted, signal);
      if (signal.aborted) return;
      const running = includes(wanted, today);
      put(note, '');
      put(title, running ? t('energy.so_far', { name: nameOf(wanted) }) : nameOf(wanted));
      for (const part of parts) part.update({ answer, path, running });
      board.hidden = false;
      set(board, 'data-empty', !answer.total.completeness.parts);
      shown = wanted.from + wanted.by;
    } catch (error) {
      if (signal.aborted) return;
      const words = make('span', t('energy.failed', { name: nameOf(wanted) }), ' ', said(refusalText(error)));
      if (note.textContent !== words.textContent) note.replaceChildren(words);
      if (isOther) {
        put(title, nameOf(wanted));
        board.hidden = true;
        shown = '';
      }
      if (error instanceof Refused && (error.status === 0 || error.status >= 500)) retry();
    }
    again.hidden = !note.textContent;
    put(status, '');
    set(board, 'aria-busy', null);
  }

  function begin() {
    span = spanOf(params, today);
    bar.update(span, today);
    const format = language === 'pl' ? 'csv-pl' : 'csv';
    set(save, 'href', withQuery('/api/v1/export', { what: 'days', from: span.from, to: span.to < today ? span.to : today, format }));
    // Its days are closed ones.
    save.hidden = span.from >= today;
    load();
  }

  put(title, nameOf(span));
  begin();
  return {
    update(state) {
      const day = todayOf(state);
      if (day !== today) {
        today = day;
        begin();
      } else if (state.live.as_of !== reading && includes(span, today) && performance.now() - askedAt >= REFRESH_MS) {
        reading = state.live.as_of;
        load();
      }
    },
    follow(next) {
      params = next;
      begin();
      // Who followed a link from far below begins above.
      if (title.getBoundingClientRect().top < 0) { title.scrollIntoView(); title.focus({ preventScroll: true }); }
    },
    leave() {
      window.clearTimeout(timer);
      abort.abort();
    },
  };
}

/** A span's answer; of all years, from the first one on of which something is known. @param {import('./energy/span.js').Span} span @param {AbortSignal} signal */
async function sums({ by, from, to, unit }, signal) {
  const path = withQuery('/api/v1/energy', { from, to, by: unit });
  /** @type {Range} */
  const answer = await ask(path, signal);
  const known = by === 'all' ? answer.buckets.findIndex(({ completeness }) => completeness.parts) : 0;
  if (known <= 0) return { answer, path };
  const shorter = withQuery('/api/v1/energy', { from: `${answer.buckets[known]?.bucket}-01-01`, to, by: unit });
  return { answer: /** @type {Range} */ (await ask(shorter, signal)), path: shorter };
}
