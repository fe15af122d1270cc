// Which log and which of its lines: what the address says, and the controls that say it.
import { make, t } from '../../kit.js';

/** @typedef {{ file: string, level: string, q: string, since: string, before: string, follow: string }} Choice */

export const FILES = /** @type {const} */ (['master', 'data', 'fast_charge', 'journal', 'summary']);
const ABOVE = /** @type {const} */ (['ERROR+', 'WARNING+', 'INFO+']);
const ALONE = /** @type {const} */ (['CRITICAL', 'ERROR', 'WARNING', 'INFO', 'DEBUG']);
const LEVELS = ['', ...ABOVE, ...ALONE, 'CRITICAL+', 'DEBUG+'];
const PATIENCE_MS = 400;
const MOST_WORDS = 200;

/** What an address asks for; what makes no sense is left out. @param {URLSearchParams} params @returns {Choice} */
export function choiceOf(params) {
  const [file, level] = [params.get('file') ?? '', (params.get('level') ?? '').toUpperCase().replace(/ $/, '+')];
  return {
    file: FILES.find((name) => name === file) ?? FILES[0],
    level: LEVELS.includes(level) ? level : '',
    q: (params.get('q') ?? '').slice(0, MOST_WORDS),
    since: params.get('since') ?? '',
    before: params.get('before') ?? '',
    follow: params.get('follow') === '1' && file !== 'summary' && !params.get('before') ? '1' : '',
  };
}

/** The parameters of an address; what is usual is left out. @param {Choice} choice */
export const paramsOf = (choice) => ({ ...choice, file: choice.file === FILES[0] ? '' : choice.file });

/** The query of an answer. @param {Choice} choice */
export const queryOf = ({ file, level, q, since, before }) => ({ file, level, q, since, before });

/** Whether two ask for the same lines. @param {Choice} a @param {Choice} b */
export const isSame = (a, b) => JSON.stringify(queryOf(a)) === JSON.stringify(queryOf(b));

/**
 * The controls.
 * @param {(change: Partial<Choice>, isTyped: boolean) => void} tell
 */
export function controls(tell) {
  const file = select(FILES.map((name) => option(name, t(`logs.file_${name}`))));
  const level = select([
    option('', t('logs.level_all')),
    make('optgroup', { label: t('logs.level_above') }, ...ABOVE.map((name) => option(name, t('logs.level_from', { level: name.slice(0, -1) })))),
    make('optgroup', { label: t('logs.level_alone') }, ...ALONE.map((name) => option(name, name))),
  ]);
  const q = make('input', { type: 'search', maxlength: MOST_WORDS, autocomplete: 'off', spellcheck: 'false' });
  const since = make('input', { type: 'datetime-local' });
  const before = make('input', { type: 'datetime-local' });
  const follow = make('button', { type: 'button', 'aria-pressed': 'false' }, t('logs.follow'));
  const all = make('button', { type: 'button' }, t('logs.clear'));
  let timer = 0;
  /** What is typed already goes along. @param {Partial<Choice>} more @param {boolean} isTyped */
  const change = (more, isTyped) => {
    window.clearTimeout(timer);
    tell({ q: q.value, ...more }, isTyped);
  };
  const typed = () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => change({}, true), PATIENCE_MS);
  };
  file.addEventListener('change', () => change({ file: file.value }, false));
  level.addEventListener('change', () => change({ level: level.value }, false));
  q.addEventListener('input', typed);
  since.addEventListener('change', () => change({ since: since.value }, true));
  before.addEventListener('change', () => change({ before: before.value, ...(before.value ? { follow: '' } : {}) }, true));
  follow.addEventListener('click', () => change(follow.getAttribute('aria-pressed') === 'true' ? { follow: '' } : { follow: '1', before: '' }, true));
  all.addEventListener('click', () => change({ level: '', q: '', since: '', before: '' }, false));
  const box = make('form.toolbar.choice', { role: 'search', onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); change({}, true); } },
    label('logs.file', file), label('logs.level', level), label('logs.q', q), label('logs.since', since), label('logs.before', before), follow, all);
  return {
    box,
    /** @param {Choice} choice */
    update(choice) {
      window.clearTimeout(timer);
      write(file, choice.file);
      if (![...level.options].some(({ value }) => value === choice.level)) level.append(option(choice.level, choice.level));
      write(level, choice.level);
      write(q, choice.q);
      write(since, localOf(choice.since));
      write(before, localOf(choice.before));
      follow.setAttribute('aria-pressed', String(choice.follow === '1'));
      follow.hidden = choice.file === 'summary';
      all.hidden = !(choice.level || choice.q || choice.since || choice.before);
    },
    leave: () => window.clearTimeout(timer),
  };
}

/** What a field for a time takes: a day stands for its beginning. @param {string} time */
const localOf = (time) => (time.length === 10 ? `${time}T00:00` : time.slice(0, 16));

/** @param {HTMLInputElement | HTMLSelectElement} field @param {string} value */
function write(field, value) {
  if (field.value !== value) field.value = value;
}

/** @param {string} value @param {string} name */
const option = (value, name) => make('option', { value }, name);

/** @param {Node[]} options */
const select = (options) => make('select', ...options);

/** @param {import('../../kit.js').Key} key @param {Node} field */
const label = (key, field) => make('label', make('span', t(key)), field);
