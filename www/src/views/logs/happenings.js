// What happened in few words: messages that differ in numbers only, told once, with how often and when.
import { figureOf, linkTo, make, named, siteText, t, whenOf } from '../../kit.js';

/** @typedef {import('../../kit.js').Schemas['Happening']} Happening */

export function happenings() {
  const rows = make('ol.happenings');
  return {
    box: rows,
    /** Newest first. @param {Happening[]} list @param {string} path of the answer */
    update(list, path) {
      rows.replaceChildren(...list.map((one, at) => make('li', { 'data-level': one.level },
        make('p', siteText(one.message)),
        make('p.quiet', named('logs', 'topic', one.topic), ...(one.level && one.level !== 'INFO' ? [' ', make('strong.level', one.level)] : []),
          `, ${t('logs.times')} `, figureOf(`${path}#/happenings/${at}/count`, one.count, 'count'),
          `, ${t('logs.first')} `, when(one.first), `, ${t('logs.last')} `, when(one.last)))).reverse());
      if (!list.length) rows.append(make('li.quiet', t('logs.none')));
    },
  };
}

/** @param {string | null} time */
const when = (time) => (time ? make('a', { href: linkTo('decisions', { at: time }) }, whenOf(time)) : t('common.unknown'));
