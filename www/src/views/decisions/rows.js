// The timeline's rows: a section a day, decisions of the same kind in a row folded into one line that can be opened.
import { figureOf, linkTo, longDayOf, make, set, t } from '../../kit.js';
import { clockOf, kindOf, reasonOf, twice } from './parts.js';

/** @typedef {import('../../kit.js').Schemas['PastDecision']} Decision */
/** @typedef {{ made: Decision, of: string }} Entry `of`: where the decision stands, for its figures */
/** @typedef {{ folds: boolean, hasMore: boolean, chosen: import('./filters.js').Chosen }} How */

/** So many in a row are folded. */
const RUN = 3;

/** @param {Decision} made */
export const keyOf = (made) => `${made.id ?? ''} ${made.timestamp} ${made.kind}`;

export function rows() {
  const box = make('div.days');
  /** Day -> its section and of what it was made. @type {Map<string, { section: HTMLElement, drawn: string }>} */
  const days = new Map();
  /** Decisions of runs that the reader opened. @type {Set<string>} */
  const opened = new Set();

  /** @param {Entry[]} run @param {boolean} isCut earlier ones may belong to it @param {import('./parts.js').Twice} hours @param {How} how */
  function fold(run, isCut, hours, how) {
    const newest = /** @type {Entry} */ (run[0]).made;
    const oldest = /** @type {Entry} */ (run[run.length - 1]).made;
    const keys = run.map(({ made }) => keyOf(made));
    const [from, to] = [clockOf(oldest.decided_at, hours), clockOf(newest.decided_at, hours)];
    const isSame = run.every(({ made }) => made.reason === newest.reason);
    const summary = make('summary', kindOf(newest.kind), ' ', make('span', t(isCut ? 'decisions.run_cut' : 'decisions.run', { n: run.length, from, to })),
      make('span.reasons', make('span.quiet', `${t(isSame ? 'decisions.run_same' : 'decisions.run_last')} `), reasonOf(newest.reason)));
    const inside = make('ol');
    const details = make('details.run', { open: keys.some((key) => opened.has(key)) }, summary, inside);
    const draw = () => { if (details.open && !inside.firstChild) inside.append(...run.map((entry) => row(entry, hours, how))); };
    details.addEventListener('toggle', () => {
      for (const key of keys) { if (details.open) opened.add(key); else opened.delete(key); }
      draw();
    });
    draw();
    return make('li', details);
  }

  /** @param {Entry[]} entries of a day @param {boolean} isLast of the days that are loaded @param {How} how */
  function items(entries, isLast, how) {
    const hours = twice(entries.map(({ made }) => made.decided_at));
    /** @type {Entry[][]} */
    const runs = [];
    for (const entry of entries) {
      const run = runs[runs.length - 1];
      if (run && how.folds && run[0]?.made.kind === entry.made.kind) run.push(entry);
      else runs.push([entry]);
    }
    return runs.flatMap((run, at) => (run.length < RUN ? run.map((entry) => row(entry, hours, how))
      : [fold(run, isLast && how.hasMore && at === runs.length - 1, hours, how)]));
  }

  return {
    box,
    /** @param {Entry[]} entries newest first @param {How} how */
    draw(entries, how) {
      /** @type {Map<string, Entry[]>} */
      const grouped = new Map();
      for (const entry of entries) {
        const day = entry.made.decided_at.slice(0, 10);
        grouped.set(day, [...(grouped.get(day) ?? []), entry]);
      }
      const names = [...grouped.keys()];
      const sections = names.map((day, at) => {
        const inside = grouped.get(day) ?? [];
        const isLast = at === names.length - 1;
        const drawn = JSON.stringify([inside.map(({ made, of }) => [keyOf(made), of]), how.folds, how.chosen, isLast && how.hasMore]);
        const before = days.get(day);
        if (before?.drawn === drawn) return before.section;
        const section = before?.section ?? make('section.day', make('h2', longDayOf(day)), make('ol'));
        section.lastElementChild?.replaceChildren(...items(inside, isLast, how));
        days.set(day, { section, drawn });
        return section;
      });
      for (const day of [...days.keys()]) if (!grouped.has(day)) days.delete(day);
      const focused = document.activeElement?.getAttribute('data-key');
      sections.forEach((section, at) => { if (box.children[at] !== section) box.insertBefore(section, box.children[at] ?? null); });
      while (box.children.length > sections.length) box.lastElementChild?.remove();
      if (focused && document.activeElement === document.body) focus(focused);
    },
    focus,
  };

  /** @param {string} key */
  function focus(key) {
    const link = [...box.querySelectorAll('a[data-key]')].find((node) => node.getAttribute('data-key') === key);
    /** @type {HTMLElement | undefined} */ (link)?.focus({ preventScroll: true });
  }
}

/** @param {Entry} entry @param {import('./parts.js').Twice} hours @param {How} how */
function row({ made, of }, hours, { chosen }) {
  const time = make('time', { datetime: made.decided_at }, clockOf(made.decided_at, hours));
  const link = make('a.open', time, ' ', kindOf(made.kind));
  set(link, 'href', made.id === null ? null : linkTo('decisions', { ...chosen, id: made.id }));
  set(link, 'data-key', made.id);
  // The coordinator writes its price under one name or the other.
  const price = made.current_price === null && made.current_price_pln !== null ? 'current_price_pln' : 'current_price';
  return make('li.made', link, make('p.why', reasonOf(made.reason)), make('dl',
    ...(/** @type {const} */ ([['price_short', price, 'price'], ['battery', 'battery_soc', 'percent'], ['confidence', 'confidence', 'share']]))
      .map(([name, key, as]) => make('div', make('dt', t(`decisions.${name}`)), make('dd', figureOf(`${of}/${key}`, made[key], as))))));
}
