// The points as a table, made when somebody wants it: newest first, some at a time.
import { figureOf, fillWith, make, put, t } from '../../kit.js';
import { LOOKS, nameOf } from './series.js';
import { whenText } from './pane.js';

/** @typedef {import('./series.js').Track} Track */
const SOME = 100;

export function table() {
  const head = make('tr');
  const body = make('tbody');
  const more = make('button', { type: 'button', onclick: () => add() });
  const holder = make('div.wide', { tabindex: '0', role: 'region', 'aria-label': t('history.table') }, make('table', make('thead', head), body));
  const box = make('details', make('summary', t('history.table')), make('p.quiet', t('history.table_help')), holder, more);
  /** @type {{ tracks: Track[], path: string, zone: string } | undefined} */
  let given;
  /** Time -> its row: the places of the points of each series. @type {[number, Map<string, number>][]} */
  let rows = [];
  let made = 0;

  function begin() {
    if (!box.open || !given) return;
    const byTime = new Map();
    for (const { name, points } of given.tracks) {
      points.forEach(([time], place) => {
        if (!byTime.has(time)) byTime.set(time, new Map());
        byTime.get(time).set(name, place);
      });
    }
    rows = [...byTime].sort(([a], [b]) => b - a);
    made = 0;
    fillWith(head, make('th', { scope: 'col' }, t('history.time')), ...given.tracks.map(({ name }) => make('th', { scope: 'col' }, nameOf(name))));
    fillWith(body);
    add();
  }
  function add() {
    const { tracks, path, zone } = given ?? { tracks: [], path: '', zone: 'UTC' };
    body.append(...rows.slice(made, made + SOME).map(([, places]) => {
      const [first] = places;
      const iso = first && tracks.find(({ name }) => name === first[0])?.series.points[first[1]]?.[0];
      return make('tr', make('th', { scope: 'row' }, whenText(String(iso), zone)), ...tracks.map(({ name, points }) => {
        const place = places.get(name);
        return place === undefined ? make('td') : make('td', figureOf(`${path}#/series/${name}/points/${place}/1`, points[place]?.[1], LOOKS[name].as));
      }));
    }));
    made = Math.min(rows.length, made + SOME);
    more.hidden = made >= rows.length;
    put(more, t('history.table_more', { n: Math.min(SOME, rows.length - made) }));
  }
  box.addEventListener('toggle', begin);
  return {
    box,
    /** @param {Track[]} tracks @param {string} path @param {string} zone */
    show(tracks, path, zone) {
      given = { tracks, path, zone };
      begin();
    },
  };
}
