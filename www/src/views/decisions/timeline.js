// The timeline: newest first, a page at a time, as far back as the reader wants.
import { ask, current, make, put, putReason, t, whenOf, whyUnknown, withQuery } from '../../kit.js';
import { filters } from './filters.js';
import { linkToAt, refusal } from './parts.js';
import { keyOf, rows } from './rows.js';

/** @typedef {import('../../kit.js').Schemas['DecisionPage']} Page */
/** @typedef {import('./rows.js').Entry} Entry */
/** @typedef {import('./filters.js').Chosen} Chosen */

const PATH = '/api/v1/decisions';
const LIMIT = 100;
/** The API knows no earlier years. */
const BEGINNING = Date.UTC(2000, 0, 2);

export function timeline() {
  const bar = filters(apply);
  const news = make('button.news', { type: 'button', hidden: true, onclick: showNews });
  const note = make('div.note', { role: 'alert' });
  const list = rows();
  const empty = make('p.quiet', { hidden: true });
  const looked = make('p.quiet');
  const partly = make('p.reason');
  const nulls = make('p.reason');
  const more = make('button', { type: 'button', hidden: true, onclick: loadMore }, t('decisions.earlier'));
  const box = make('div.timeline', make('p', make('a', { href: linkToAt('now') }, t('decisions.machine_link'))), bar.box,
    make('div.arrived', { 'aria-live': 'polite' }, news), note, list.box, empty, make('div.foot', more, looked, partly, nulls));

  /** @type {Chosen} */
  let chosen = {};
  /** @type {Entry[]} */
  let entries = [];
  /** The last page, the query that it answers, and the newest page where it waits for the reader. @type {Page | undefined} */
  let last;
  /** @type {Record<string, unknown>} */
  let span = {};
  /** @type {{ page: Page, path: string } | undefined} */
  let waiting;
  let abort = new AbortController();
  const gone = new AbortController();
  let newest = '';

  /** @param {Page} page @param {string} path @returns {Entry[]} */
  const entriesOf = (page, path) => page.decisions.map((made, at) => ({ made, of: `${path}#/decisions/${at}` }));
  /** @param {Record<string, unknown>} query */
  const pathOf = (query) => withQuery(PATH, { ...query, limit: LIMIT });
  const isFiltered = () => Object.values(chosen).some(Boolean);
  const hasMore = () => Boolean(last && (last.next || (!chosen.from && Date.parse(last.from) > BEGINNING)));

  /** @param {Chosen} now */
  function apply(now) {
    bar.show(now);
    if (last && JSON.stringify(now) === JSON.stringify(chosen)) return;
    chosen = now;
    waiting = undefined;
    load(chosen, true);
  }

  /** @param {Record<string, unknown>} query @param {boolean} isFresh a new list, else the next page */
  async function load(query, isFresh) {
    abort.abort();
    abort = new AbortController();
    const { signal } = abort;
    const path = pathOf(query);
    box.setAttribute('aria-busy', 'true');
    list.box.classList.toggle('leaving', isFresh);
    if (!last) tell(t('common.loading'));
    try {
      /** @type {Page} */
      const page = await ask(path, signal);
      if (signal.aborted) return;
      const seen = new Set(isFresh ? [] : entries.map(({ made }) => keyOf(made)));
      entries = [...(isFresh ? [] : entries), ...entriesOf(page, path).filter(({ made }) => !seen.has(keyOf(made)))];
      last = page;
      span = { ...query, before: undefined };
      note.replaceChildren();
      draw();
    } catch (error) {
      if (signal.aborted) return;
      // Nothing of what was asked for before is an answer to this.
      if (isFresh) { entries = []; last = undefined; draw(); }
      note.replaceChildren(...refusal(error, () => load(query, isFresh)));
    }
    box.removeAttribute('aria-busy');
    list.box.classList.remove('leaving');
  }

  function loadMore() {
    if (!last || box.hasAttribute('aria-busy')) return;
    // Where the range is at its end, the days before it are the next one.
    load(last.next ? { ...span, before: last.next } : { ...chosen, to: last.from }, false);
  }

  function draw() {
    list.draw(entries, { folds: !chosen.kind && !chosen.text, hasMore: hasMore(), chosen });
    more.hidden = !hasMore();
    put(more, t(last?.next && last.complete ? 'decisions.earlier' : 'decisions.further'));
    const isEmpty = last && !entries.length;
    tell(isEmpty ? t(!last?.complete ? 'decisions.none_yet' : isFiltered() ? 'decisions.none_match' : 'decisions.none') : '');
    const why = isEmpty && last ? whyUnknown(last, 'decisions') ?? (isFiltered() ? undefined : whyUnknown(current(), 'decision')) : undefined;
    put(looked, last?.searched_from ? t('decisions.searched', { when: whenOf(last.searched_from) }) : '');
    putReason(partly, last && !last.complete ? whyUnknown(last, 'complete') : why);
    const isGap = entries.some(({ made }) => made.battery_soc === null || made.confidence === null || (made.current_price ?? made.current_price_pln) === null);
    putReason(nulls, isGap && last ? whyUnknown(last, 'decisions') : undefined);
    drawNews();
  }

  /** @param {string} text */
  function tell(text) {
    put(empty, text);
    empty.hidden = !text;
  }

  /** How many of the newest page are not in the list. */
  const missing = () => {
    const seen = new Set(entries.map(({ made }) => keyOf(made)));
    return waiting?.page.decisions.filter((made) => !seen.has(keyOf(made))).length ?? 0;
  };

  function drawNews() {
    const n = missing();
    news.hidden = !n;
    put(news, n ? t('decisions.news', { n }) : '');
  }

  /** Puts the newest page above what is there. */
  function takeNews() {
    if (!waiting) return;
    const { page, path } = waiting;
    waiting = undefined;
    const fresh = entriesOf(page, path);
    const isNew = new Set(fresh.map(({ made }) => keyOf(made)));
    const rest = entries.filter(({ made }) => !isNew.has(keyOf(made)));
    // A page of nothing but new ones leaves a hole to what was there: begin anew.
    if (rest.length === entries.length) {
      entries = fresh;
      last = page;
      span = {};
    } else {
      // What has left the newest page stands in its own answer.
      entries = [...fresh, ...rest.map(({ made, of }) => ({ made, of: of.startsWith(`${path}#`) ? `${PATH}/${made.id}#/decision` : of }))];
    }
    draw();
  }

  function showNews() {
    takeNews();
    window.scrollTo(0, 0);
    /** @type {HTMLElement | null} */ (list.box.querySelector('a, summary'))?.focus({ preventScroll: true });
  }

  const isAtTop = () => list.box.offsetParent !== null && list.box.getBoundingClientRect().top >= 0;

  async function askNews() {
    if (!last || isFiltered()) return;
    const path = pathOf({});
    try {
      /** @type {Page} */
      const page = await ask(path, gone.signal);
      if (gone.signal.aborted || isFiltered()) return;
      waiting = { page, path };
      if (isAtTop()) takeNews();
      else drawNews();
    } catch {
      // The next decision asks again.
    }
  }

  return {
    box,
    /** @param {Chosen} now */
    follow(now) {
      apply(now);
      if (waiting && isAtTop()) takeNews();
    },
    /** @param {import('../../kit.js').State} state */
    update({ decision }) {
      const key = decision ? `${decision.id} ${decision.decided_at}` : '';
      if (key !== newest && newest) askNews();
      newest = key;
    },
    /** @param {string} id */
    focus: (id) => list.focus(id),
    leave() {
      bar.leave();
      abort.abort();
      gone.abort();
    },
  };
}
