// The logs: the lines of one, followed if wanted; errors by hour; what happened in few words; all files.
import { Refused, ask, fillWith, figure, go, make, note, put, putReason, said, t, tellAge, whenOf, withQuery } from '../kit.js';
import { choiceOf, controls, isSame, paramsOf, queryOf } from './logs/choice.js';
import { downloadOf, files } from './logs/files.js';
import { happenings } from './logs/happenings.js';
import { hours } from './logs/hours.js';
import { timeOfLine } from './logs/line.js';
import { list } from './logs/list.js';
import { follow } from './logs/stream.js';

/** @typedef {import('./logs/choice.js').Choice} Choice */
/** @typedef {import('../kit.js').Schemas['LogLines']} Lines */
const FIRST_LINES = 500;
const LOOK_MS = 60_000;

/** @type {import('../shell.js').Mount} */
export function mount(main, params) {
  const abort = new AbortController();
  let choice = choiceOf(params);
  /** The question on its way. */
  let question = new AbortController();
  /** @type {ReturnType<typeof follow> | undefined} */
  let following;
  /** @type {import('../kit.js').Schemas['LogRates'] | undefined} */
  let rates;
  /** Whose lines are on the page. @type {Choice | undefined} */
  let shown;

  const top = controls((change, isTyped) => {
    const next = { ...choice, ...change };
    if (next.file === 'summary') next.follow = '';
    if (!isTyped) { go('logs', paramsOf(next)); return; }
    note('logs', paramsOf(next));
    apply(next);
  });
  const told = happenings();
  const held = heldLine();
  const way = make('p.way', { role: 'status' });
  const trouble = make('p.note');
  const older = make('a.older', t('logs.older'));
  const reader = list(older);
  const download = make('a', { download: '' }, t('logs.download'));
  const again = make('button', { type: 'button', onclick: () => load() }, t('common.reload'));
  const rate = hours();
  const all = files();
  const lines = make('section.tile.log', { 'aria-labelledby': 'log-title' }, make('h2', { id: 'log-title' }),
    trouble, reader.box, told.box, way, held.box, make('p.toolbar', download, again));
  main.append(top.box, make('div.logs', lines, make('div.aside', rate.box, all.box)));

  /** @param {Choice} next */
  function apply(next) {
    const isOther = !isSame(next, choice);
    choice = next;
    furnish();
    if (isOther) load();
    else followIf();
  }

  function furnish() {
    const isSummary = choice.file === 'summary';
    top.update(choice);
    put(/** @type {Element} */ (lines.firstElementChild), t(`logs.file_${/** @type {'master'} */ (choice.file)}`));
    reader.box.hidden = isSummary;
    told.box.hidden = !isSummary;
    if (rates) rate.update(rates, choice);
  }

  async function load() {
    question.abort();
    following?.stop();
    following = undefined;
    const asked = new AbortController();
    question = asked;
    const path = withQuery('/logs', { ...queryOf(choice), lines: FIRST_LINES });
    lines.setAttribute('aria-busy', 'true');
    try {
      /** @type {Lines} */
      const answer = await ask(path, asked.signal);
      if (asked.signal.aborted) return;
      show(answer, path);
    } catch (error) {
      if (asked.signal.aborted) return;
      refuse(error);
    }
    lines.removeAttribute('aria-busy');
    followIf();
  }

  /** @param {Lines} answer @param {string} path */
  function show(answer, path) {
    shown = choice;
    putReason(trouble, answer.note);
    if (choice.file === 'summary') told.update(answer.happenings ?? [], path);
    else reader.show(answer.lines);
    held.update(answer, path);
    download.hidden = !answer.log_file.endsWith('.log');
    download.setAttribute('href', downloadOf(answer.log_file));
    const first = timeOfLine(answer.lines.find((line) => timeOfLine(line)) ?? '');
    older.hidden = choice.file === 'summary' || !first || answer.filtered_lines <= answer.returned_lines;
    // Lines have whole seconds: those of the first one's second come again.
    if (first) older.setAttribute('href', linkToOlder(second(first, 1)));
  }

  /** @param {string} before */
  const linkToOlder = (before) => `#/logs?${new URLSearchParams(Object.entries({ ...paramsOf(choice), follow: '', before }).filter(([, value]) => value))}`;

  /** @param {unknown} error */
  function refuse(error) {
    trouble.removeAttribute('data-reason');
    fillWith(trouble, error instanceof Refused && error.message ? said(error.message) : t('common.no_answer'));
    // Lines stay, unless they are not those that are asked for now.
    if (shown && isSame(shown, choice)) return;
    reader.show([]);
    told.update([], '');
    for (const node of [held.box, older, download]) node.hidden = true;
  }

  function followIf() {
    if (!choice.follow) {
      following?.stop();
      following = undefined;
      put(way, '');
      return;
    }
    if (choice.file === 'summary') return;
    following ??= follow({ file: choice.file, level: choice.level, q: choice.q, since: choice.since, before: choice.before }, reader, (how, reason) => {
      put(way, t(`logs.way_${how}`));
      if (how === 'following') putReason(trouble, reason);
    });
  }

  /** What stands beside the lines. */
  async function look() {
    try {
      const [counted, found] = await Promise.all([ask('/logs/rates', abort.signal), ask('/logs/files', abort.signal)]);
      rates = counted;
      rate.update(counted, choice);
      all.update(found, counted.as_of.slice(19));
    } catch {
      // It stays what it was; that the server is silent the shell says.
    }
  }
  const timer = window.setInterval(() => { if (!document.hidden) look(); }, LOOK_MS);
  older.hidden = true;
  furnish();
  load();
  look();
  return {
    follow: (next) => apply(choiceOf(next)),
    leave() {
      window.clearInterval(timer);
      top.leave();
      following?.stop();
      question.abort();
      abort.abort();
    },
  };
}

/** What is held of a log, and how much of it is wanted. */
function heldLine() {
  const [returned, wanted, total, from] = [make('span'), make('span'), make('span'), make('span')];
  const age = make('p.age');
  const fact = (/** @type {import('../kit.js').Key} */ key, /** @type {Node} */ value) => make('div', make('dt', t(key)), make('dd', value));
  const box = make('div.held', make('dl.facts', fact('logs.returned', returned), fact('logs.wanted', wanted), fact('logs.total', total), fact('logs.held_from', from)), age, make('p.quiet', t('logs.time_help')));
  return {
    box,
    /** @param {Lines} answer @param {string} path */
    update(answer, path) {
      box.hidden = false;
      figure(returned, `${path}#/returned_lines`, answer.returned_lines, 'count');
      figure(wanted, `${path}#/filtered_lines`, answer.filtered_lines, 'count');
      figure(total, `${path}#/total_lines`, answer.total_lines, 'count');
      put(from, answer.held_from ? whenOf(answer.held_from) : t('common.unknown'));
      age.hidden = !answer.as_of;
      tellAge(age, { at: answer.as_of, source: t('logs.written') });
    },
  };
}

/** A time some seconds later, written as it was. @param {string} time @param {number} seconds */
const second = (time, seconds) => `${new Date(Date.parse(`${time.slice(0, 19)}Z`) + seconds * 1000).toISOString().slice(0, 19)}${time.slice(19)}`;
