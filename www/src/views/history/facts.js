// What the charts are made of: how much of each series is known, how fine it is, where it is from; and files of the same days.
import { fillWith, figureOf, formats, make, named, put, putReason, set, t, tellAge, whyUnknown, withQuery } from '../../kit.js';
import { nameOf } from './series.js';

/** @typedef {import('./series.js').Answer} Answer */
const WHATS = /** @type {const} */ (['energy', 'days']);
const FORMATS = /** @type {const} */ (['csv', 'csv-pl', 'jsonl']);
const COLUMNS = /** @type {const} */ (['series', 'known', 'expected', 'complete', 'resolution', 'source']);

export function facts() {
  const body = make('tbody');
  const why = make('p.reason');
  const age = make('p.age');
  const table = make('table', make('thead', make('tr', ...COLUMNS.map((name) => make('th', { scope: 'col' }, t(`history.column_${name}`))))), body);
  const box = make('section.tile', { 'aria-labelledby': 'history-facts' }, make('h2', { id: 'history-facts' }, t('history.completeness')), why,
    make('div.wide', { tabindex: '0', role: 'region', 'aria-label': t('history.completeness_table') }, table), age);
  return {
    box,
    /** @param {Answer} answer @param {import('./series.js').Track[]} tracks @param {string} path */
    show(answer, tracks, path) {
      fillWith(body, ...tracks.map(({ name, series }) => {
        const reason = make('span.reason');
        putReason(reason, whyUnknown(answer, `series.${name}`));
        return make('tr', make('th', { scope: 'row' }, nameOf(name), ' ', reason), make('td', figureOf(`${path}#/series/${name}/known`, series.known, 'count')),
          make('td', figureOf(`${path}#/series/${name}/expected`, series.expected, 'count')), make('td', { 'data-reckoned': true }, share(series)),
          make('td', named('history', 'resolution', series.resolution)), make('td', named('history', 'source', series.source)));
      }));
      putReason(why, answer.unknown.days ?? answer.unknown.today);
      tellAge(age, { at: answer.as_of });
    },
  };
}

/** How much is known, never told to be more than it is. @param {import('./series.js').Series} series */
const share = ({ known, expected }) => (expected ? formats.percent?.(Math.min(100, Math.floor((known / expected) * 1000) / 10)) ?? '' : '');

export function saves() {
  const links = WHATS.flatMap((what) => FORMATS.map((format) => ({ what, format, link: make('a', { download: '' }, t(`history.format_${format}`)) })));
  const days = make('p.quiet');
  const box = make('section.tile.saves', { 'aria-labelledby': 'history-saves' }, make('h2', { id: 'history-saves' }, t('history.export')), days,
    ...WHATS.map((what) => make('p', `${t(`history.export_${what}`)}: `, ...links.filter((one) => one.what === what).flatMap(({ link }) => [link, ' ']))));
  return {
    box,
    /** @param {string} from local days @param {string} to @param {string} words */
    show(from, to, words) {
      put(days, words);
      for (const { what, format, link } of links) set(link, 'href', withQuery('/api/v1/export', { what, from, to, format }));
    },
  };
}
