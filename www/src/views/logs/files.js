// All log files, each to be had whole.
import { figure, figureOf, formats, make, put, putReason, siteText, t, tellAge } from '../../kit.js';

/** @typedef {import('../../kit.js').Schemas['LogFiles']} Files */
const OF = '/logs/files#/log_files';
const LEVELS = /** @type {const} */ (['warning', 'error', 'critical']);

export function files() {
  const rows = make('ul.rows');
  const empty = make('p.quiet', t('common.loading'));
  const box = make('section.tile.files', { 'aria-labelledby': 'files-title' }, make('h2', { id: 'files-title' }, t('logs.files')), empty, rows);
  /** @type {{ age: Element, size: Element, counts: Element, why: Element, name: string }[]} */
  let parts = [];
  let shown = '';
  return {
    box,
    /** @param {Files} answer @param {string} offset of the site's clock, `+01:00` */
    update({ log_files: list }, offset) {
      empty.hidden = list.length > 0;
      empty.textContent = t('logs.files_none');
      const names = list.map(({ name }) => name).join('\n');
      if (names !== shown) {
        shown = names;
        parts = list.map((file) => ({ age: make('span'), size: make('span.figure'), counts: make('p.quiet'), why: make('p.reason'), name: file.name }));
        rows.replaceChildren(...parts.map(({ age, size, counts, why, name }) => make('li', make('a', { href: downloadOf(name), download: '' }, siteText(name)),
          make('p.quiet', size, `, ${t('logs.changed')} `, age), counts, why)));
      }
      list.forEach((file, at) => {
        const part = parts[at];
        if (!part) return;
        figure(part.size, `${OF}/${at}/size`, file.size, 'bytes');
        putReason(part.why, file.note);
        if (file.modified) tellAge(part.age, { at: `${file.modified.slice(0, 19)}${offset}` });
        else put(part.age, t('common.unknown'));
        const counts = file.lines_in_memory;
        const all = Object.values(counts).reduce((total, count) => total + count, 0);
        part.counts.replaceChildren(`${t('logs.in_memory')} `, make('span', { 'data-reckoned': true }, formats.count?.(all) ?? ''),
          ...LEVELS.filter((level) => counts[level]).flatMap((level) => [`, ${level.toUpperCase()} `, figureOf(`${OF}/${at}/lines_in_memory/${level}`, counts[level], 'count')]));
      });
    },
  };
}

/** Where a log file is to be had. @param {string} name */
export const downloadOf = (name) => `/logs/download/${encodeURIComponent(name)}`;
