// All log files, each to be had whole.
import { figureOf, formats, make, said, siteText, t, tellAge } from '../../kit.js';

/** @typedef {import('../../kit.js').Schemas['LogFiles']} Files */
const OF = '/logs/files#/log_files';
const LEVELS = /** @type {const} */ (['warning', 'error', 'critical']);

export function files() {
  const rows = make('ul.rows');
  const empty = make('p.quiet', t('common.loading'));
  const box = make('section.tile.files', { 'aria-labelledby': 'files-title' }, make('h2', { id: 'files-title' }, t('logs.files')), empty, rows);
  return {
    box,
    /** @param {Files} answer @param {string} offset of the site's clock, `+01:00` */
    update({ log_files: list }, offset) {
      empty.hidden = list.length > 0;
      empty.textContent = t('logs.files_none');
      rows.replaceChildren(...list.map((file, at) => {
        const age = make('span');
        tellAge(age, { at: file.modified && `${file.modified.slice(0, 19)}${offset}` });
        const counts = file.lines_in_memory;
        const all = Object.values(counts).reduce((total, count) => total + count, 0);
        return make('li',
          make('a', { href: downloadOf(file.name), download: '' }, siteText(file.name)),
          make('p.quiet', figureOf(`${OF}/${at}/size`, file.size, 'bytes'), `, ${t('logs.changed')} `, age),
          make('p.quiet', `${t('logs.in_memory')} `, formats.count?.(all) ?? '',
            ...LEVELS.filter((level) => counts[level]).flatMap((level) => [`, ${level.toUpperCase()} `, figureOf(`${OF}/${at}/lines_in_memory/${level}`, counts[level], 'count')])),
          ...(file.note ? [make('p.reason', said(file.note))] : []));
      }));
    },
  };
}

/** Where a log file is to be had. @param {string} name */
export const downloadOf = (name) => `/logs/download/${encodeURIComponent(name)}`;
