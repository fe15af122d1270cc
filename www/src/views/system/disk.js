// The disk that holds the site, often an SD card: what is written to it, and how long its room lasts.
import { duration, figure, make, put, putReason, siteText, t, tellAge, whyUnknown } from '../../kit.js';
import { ABOUT, fact, tile } from './parts.js';

/** @typedef {import('./parts.js').About} About */
/** @typedef {import('../../kit.js').Key} Key */

/** What is shown: where it stands below `disk`, its name and its format. */
const FACTS = /** @type {const} */ ([
  ['own/bytes_a_day', 'system.disk_own_day', 'bytes'],
  ['own/written_bytes', 'system.disk_own', 'bytes'],
  ['whole/bytes_a_day', 'system.disk_device_day', 'bytes'],
  ['whole/boot_bytes_a_day', 'system.disk_boot_day', 'bytes'],
  ['database/bytes', 'system.disk_database', 'bytes'],
  ['database/bytes_a_day', 'system.disk_database_day', 'bytes'],
  ['room/free_bytes', 'system.disk_free', 'bytes'],
  ['room/total_bytes', 'system.disk_total', 'bytes'],
  ['room/bytes_a_day', 'system.disk_room_day', 'bytes'],
  ['room/days_until_full', 'system.disk_full', 'count'],
]);

export function disk() {
  const nodes = FACTS.map(() => make('span'));
  const [name, watched] = [make('span'), make('p.quiet')];
  const whys = make('div');
  const age = make('p.age');
  const box = tile('disk', 'system.disk', make('dl.facts', fact('system.disk_name', name),
    ...FACTS.map(([, key], at) => fact(key, nodes[at] ?? ''))), whys, watched, age);
  return {
    box,
    /** @param {About} about */
    tell({ disk: found, unknown }) {
      const at = (/** @type {string} */ path) => path.split('/').reduce((/** @type {any} */ inside, key) => inside?.[key], found);
      FACTS.forEach(([path, , format], index) => figure(/** @type {Element} */ (nodes[index]), `${ABOUT}/disk/${path}`, at(path), format));
      name.replaceChildren(found?.whole ? siteText(found.whole.name) : '\u2013');
      const missing = FACTS.filter(([path]) => typeof at(path) !== 'number').map(([path]) => whyUnknown({ unknown }, `disk.${path.replace('/', '.')}`));
      whys.replaceChildren(...[...new Set(missing)].filter(Boolean).map((why) => {
        const line = make('p.reason');
        putReason(line, why);
        return line;
      }));
      const pace = typeof found?.own.bytes_a_day === 'number' ? found.own.over_s : null;
      put(watched, [t('system.disk_source'), pace === null ? '' : t('system.disk_watched', { time: duration(pace) })].filter(Boolean).join(' '));
      box.classList.toggle('troubled', found?.room?.days_until_full === 0);
      age.hidden = !found;
      tellAge(age, { at: found?.as_of });
    },
  };
}
