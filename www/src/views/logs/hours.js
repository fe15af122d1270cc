// Errors and warnings of the last 24 hours: a bar an hour, and the same as a table; an hour leads to its lines.
import { figure, fillWith, linkTo, make, put, putReason, set, shortDayOf, siteText, svg, t, timeOf, whenOf } from '../../kit.js';
import { paramsOf } from './choice.js';

/** @typedef {import('../../kit.js').Schemas['LogRates']} Rates */
/** @typedef {Rates['logs'][number]} Rate */
const OF = '/logs/rates#/logs';
const HEIGHT = 40;
const WARNINGS = /** @type {const} */ (['warning']);
const ERRORS = /** @type {const} */ (['error', 'critical']);
const COLUMNS = /** @type {const} */ ([...WARNINGS, ...ERRORS, 'info', 'debug']);
/** What the choice of a log means here. */
const NAMES = { master: 'master_coordinator.log', data: 'enhanced_data_collector.log', fast_charge: 'fast_charge.log', journal: 'systemd-journal' };

export function hours() {
  const words = make('p.words', t('common.loading'));
  const bars = svg('g');
  const drawing = svg('svg', { class: 'hours', viewBox: `0 0 24 ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img' }, bars);
  const scale = make('p.scale', { 'aria-hidden': 'true' });
  const rows = Array.from({ length: 24 }, () => {
    const link = make('a');
    const counts = COLUMNS.map(() => make('span'));
    return { link, counts, row: make('tr', make('th', { scope: 'row' }, link), ...counts.map((count) => make('td', count))) };
  });
  const head = make('tr', make('th', { scope: 'col' }, t('logs.hour')), ...COLUMNS.map((name) => make('th', { scope: 'col' }, name.toUpperCase())));
  const table = make('div.wide', { tabindex: '0', role: 'region', 'aria-label': `${t('logs.hours')}, ${t('logs.table')}` }, make('table', make('thead', head), make('tbody', ...rows.map(({ row }) => row))));
  const details = make('details', make('summary', t('logs.table')), table);
  const why = make('p.reason');
  const name = make('p.quiet');
  const box = make('section.tile.rates', { 'aria-labelledby': 'rates-title' }, make('h2', { id: 'rates-title' }, t('logs.hours')),
    name, words, why, drawing, scale, details);
  /** @type {{ rates: Rates, choice: import('./choice.js').Choice } | undefined} */
  let shown;

  /** @param {number} hour */
  const target = (hour) => {
    if (!shown) return '';
    const { rates: { hours: starts }, choice } = shown;
    return linkTo('logs', { ...paramsOf(choice), level: choice.level || 'WARNING+', follow: '', since: starts[hour], before: starts[hour + 1] ?? '' });
  };
  drawing.addEventListener('click', (event) => {
    const { left, width } = drawing.getBoundingClientRect();
    const hour = Math.floor((/** @type {MouseEvent} */ (event).clientX - left) / width * 24);
    if (hour >= 0 && hour < 24) location.hash = target(hour);
  });

  return {
    box,
    /** @param {Rates} rates @param {import('./choice.js').Choice} choice */
    update(rates, choice) {
      shown = { rates, choice };
      const at = found(rates, choice.file);
      const rate = rates.logs[at];
      box.hidden = false;
      putReason(why, rate ? null : rates.note);
      for (const node of [name, words, drawing, scale, details]) set(node, 'hidden', !rate);
      if (!rate) return;
      if (name.textContent !== rate.name) fillWith(name, siteText(rate.name));
      const sum = (/** @type {readonly (keyof Rate)[]} */ levels, /** @type {number} */ hour) => levels.reduce((total, level) => total + Number(/** @type {any} */ (rate)[level][hour] ?? 0), 0);
      const errors = rates.hours.map((_, hour) => sum(ERRORS, hour));
      const warnings = rates.hours.map((_, hour) => sum(WARNINGS, hour));
      const all = (/** @type {number[]} */ counts) => counts.reduce((total, count) => total + count, 0);
      const isWhole = rate.warning.every((count) => count !== null);
      const counted = [t('logs.hours_errors', { n: all(errors) }), t('logs.hours_warnings', { n: all(warnings) })].join(', ');
      put(words, isWhole ? counted : rate.counted_from ? `${counted}, ${t('logs.hours_from', { time: whenOf(rate.counted_from) })}` : t('logs.hours_unseen'));
      set(drawing, 'aria-label', `${t('logs.hours')}: ${words.textContent}`);
      draw(rate, errors, warnings);
      scale.replaceChildren(...[0, 6, 12, 18].map((hour) => make('span', timeOf(rates.hours[hour] ?? ''))));
      rows.forEach(({ link, counts }, hour) => {
        set(link, 'href', target(hour));
        put(link, hourOf(rates.hours, hour));
        COLUMNS.forEach((level, n) => figure(/** @type {Element} */ (counts[n]), `${OF}/${at}/${level}/${hour}`, rate[level][hour], 'count'));
      });
    },
  };

  /** @param {Rate} rate @param {number[]} errors @param {number[]} warnings */
  function draw(rate, errors, warnings) {
    const most = Math.max(1, ...errors.map((count, hour) => count + (warnings[hour] ?? 0)));
    // What is there at all is seen.
    const tall = (/** @type {number} */ count) => (count ? Math.max(2, count / most * (HEIGHT - 2)) : 0);
    const path = (/** @type {number[]} */ counts, /** @type {number[]} */ below) => counts.map((count, hour) => {
      const foot = HEIGHT - tall(below[hour] ?? 0);
      return count ? `M${hour + 0.1} ${foot}v${-tall(count)}h.8v${tall(count)}z` : '';
    }).join('');
    const blank = rate.warning.map((count, hour) => (count === null ? `M${hour} 0h1v${HEIGHT}h-1z` : '')).join('');
    bars.replaceChildren(svg('path', { class: 'blank', d: blank }), svg('path', { class: 'base', d: `M0 ${HEIGHT}h24`, 'vector-effect': 'non-scaling-stroke' }),
      svg('path', { class: 'warning', d: path(warnings, []) }), svg('path', { class: 'error', d: path(errors, warnings) }));
  }
}

/** Where a choice's log is among the rates; key messages are those of the journal, else of the coordinator's log. @param {Rates} rates @param {string} file */
function found(rates, file) {
  const at = (/** @type {string} */ name) => rates.logs.findIndex((log) => log.name === name);
  if (file !== 'summary') return at(NAMES[/** @type {keyof typeof NAMES} */ (file)]);
  const journal = at(NAMES.journal);
  return journal >= 0 && rates.logs[journal]?.counted_from ? journal : at(NAMES.master);
}

/** An hour by the site's clock; one that comes twice with its offset. @param {string[]} starts @param {number} hour */
function hourOf(starts, hour) {
  const start = starts[hour] ?? '';
  const isTwice = starts.some((other, at) => at !== hour && other.slice(0, 13) === start.slice(0, 13));
  return `${shortDayOf(start)}, ${timeOf(start)}${isTwice ? ` ${start.slice(19)}` : ''}`;
}
