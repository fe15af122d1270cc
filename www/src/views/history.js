// What was measured, over any stretch of time: charts one below the other that share their time, zoomed by asking again.
import { Refused, ask, current, go, make, note, put, putReason, refusalText, said, serverNow, set, t, whenOf, dayOf, withQuery } from '../kit.js';
import { secondsOf } from '../charts.js';
import { bar } from './history/bar.js';
import { facts, saves } from './history/facts.js';
import { pane, whenText } from './history/pane.js';
import { chosenOf, question, stretchOf } from './history/ranges.js';
import { GROUPS, seriesText, shownOf, trackOf } from './history/series.js';
import { table } from './history/table.js';

/** @typedef {import('./history/series.js').Answer} Answer */
/** How long one answer is good enough while the stretch ends now: one of rows, one of hours and days. */
const AGAIN_MS = 60_000;
const SUMS_AGAIN_MS = 600_000;
const MOST_POINTS = 2000;

/** @type {import('../shell.js').Mount} */
export function mount(main, params) {
  let chosen = chosenOf(params);
  let shown = shownOf(params);
  /** @type {Answer | undefined} */
  let answer;
  let abort = new AbortController();
  let askedAt = 0;
  let reading = current().live.as_of;

  const choices = bar({
    range: (range) => go('history', { range, series: seriesText(shown) }),
    custom: (from, to) => go('history', { range: 'custom', from, to, series: seriesText(shown) }),
    zoom: (by) => around(by, 0),
    move: (by) => around(1, by),
    out,
    series(next) {
      shown = next;
      note('history', { ...address(), series: seriesText(shown) });
      load();
    },
  });
  const stretch = make('p.stretch');
  const state = make('p.quiet.state', { role: 'status' });
  const trouble = make('p.note', { role: 'alert' });
  const again = make('button', { type: 'button', hidden: true, onclick: () => load() }, t('history.again'));
  const nothing = make('p.reason');
  const panes = GROUPS.map((group) => pane(group, { onPoint: pointAll, onZoom: zoom, onOut: out, onLook: lookAll }));
  const made = facts();
  const files = saves();
  const rows = table();
  const charts = make('div.charts', ...panes.map(({ box }) => box));
  main.append(choices.box, make('div.head', stretch, state), trouble, again, nothing, choices.places, charts,
    make('p.quiet.help', t('history.help')), rows.box, make('div.board', made.box, files.box));

  const address = () => (chosen.range === 'custom' ? { ...chosen } : { range: chosen.range });
  /** @param {number | null} time */
  function pointAll(time) {
    for (const one of panes) {
      one.drawing.point(time);
      one.point(time);
    }
  }
  /** @param {number} from @param {number} to */
  function lookAll(from, to) {
    for (const { drawing } of panes) drawing.look(from, to);
  }
  /** @param {number} from @param {number} to */
  function zoom(from, to) {
    if (!answer) return;
    go('history', { range: 'custom', ...stretchOf(from, to, answer.timezone), was: chosen.was, series: seriesText(shown) });
  }
  /** Another stretch around the middle. @param {number} by how much wider @param {number} moved by so many widths */
  function around(by, moved) {
    if (!answer) return;
    const [from, to] = [secondsOf(answer.from), secondsOf(answer.to)];
    const [half, middle] = [((to - from) / 2) * by, (from + to) / 2 + (to - from) * moved];
    zoom(middle - half, middle + half);
  }
  function out() {
    if (chosen.range === 'custom') go('history', { range: chosen.was, series: seriesText(shown) });
  }

  async function load() {
    abort.abort();
    abort = new AbortController();
    const { signal } = abort;
    askedAt = serverNow();
    reading = current().live.as_of;
    choices.tell(chosen.range, shown);
    for (const { box, group } of panes) box.hidden = !group.series.some((name) => shown.includes(name));
    if (!shown.length) {
      put(state, t('history.none'));
      set(charts, 'aria-busy', null);
      return;
    }
    if (!answer) put(state, t('common.loading'));
    set(charts, 'aria-busy', 'true');
    // A time without an offset is the server's to understand.
    if (answer && [chosen.from, chosen.to].every((time) => /T.*(Z|[+-]\d\d:\d\d)$/.test(time))) lookAll(secondsOf(chosen.from), secondsOf(chosen.to));
    try {
      const points = Math.min(MOST_POINTS, Math.max(100, Math.ceil(charts.clientWidth / 50) * 50));
      const path = withQuery('/api/v1/history', { ...(await question(chosen, signal)), points, fields: shown.join(',') });
      /** @type {Answer} */
      const next = await ask(path, signal);
      if (signal.aborted) return;
      answer = next;
      show(next, path);
    } catch (error) {
      if (!signal.aborted) tellTrouble(error);
    }
    if (!signal.aborted) set(charts, 'aria-busy', null);
  }
  /** @param {unknown} [error] */
  function tellTrouble(error) {
    trouble.replaceChildren(...(!error ? [] : error instanceof Refused && error.message ? [said(error.message)] : [refusalText(error)]));
    again.hidden = !error;
    charts.classList.toggle('stale', Boolean(error));
    // What is there is of the stretch before.
    if (error && answer) lookAll(secondsOf(answer.from), secondsOf(answer.to));
    put(state, '');
  }
  /** @param {Answer} next @param {string} path */
  function show(next, path) {
    tellTrouble();
    const tracks = shown.flatMap((name) => trackOf(next, name) ?? []);
    put(stretch, t('history.stretch', { from: whenText(next.from, next.timezone), to: whenText(next.to, next.timezone) }));
    choices.stretch(next.from, next.to);
    const isEmpty = tracks.every(({ series }) => series.known === 0);
    put(state, isEmpty ? t('history.nothing') : '');
    putReason(nothing, isEmpty ? next.unknown.days : undefined);
    for (const one of panes) if (!one.box.hidden) one.show(tracks, path, next);
    made.show(next, tracks, path);
    rows.show(tracks, path, next.timezone);
    // A stretch that ends at midnight has nothing of the day that begins there.
    const [first, last] = [next.from.slice(0, 10), next.to.slice(11, 19) === '00:00:00' ? dayBefore(next.to) : next.to.slice(0, 10)];
    files.show(first, last, first === last ? dayOf(first) : t('history.stretch', { from: dayOf(first), to: dayOf(last) }));
  }

  choices.open(chosen.range === 'custom');
  load();
  return {
    update({ live }) {
      if (document.hidden || chosen.range === 'custom' || live.as_of === reading) return;
      if (serverNow() - askedAt < (answer && answer.resolution !== 'raw' ? SUMS_AGAIN_MS : AGAIN_MS)) return;
      if (!panes.some(({ drawing }) => drawing.held())) load();
    },
    follow(next) {
      chosen = chosenOf(next);
      shown = shownOf(next);
      load();
    },
    leave() {
      abort.abort();
      for (const { drawing } of panes) drawing.end();
    },
  };
}

/** @param {string} iso */
const dayBefore = (iso) => new Date(Date.parse(`${iso.slice(0, 10)}T00:00:00Z`) - 86_400_000).toISOString().slice(0, 10);
