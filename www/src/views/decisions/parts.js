// What the timeline, the receipt and the time machine have in common.
import { Refused, figureOf, linkTo, make, named, refusalText, said, set, siteText, svg, t, timeOf, whenOf, whyUnknown } from '../../kit.js';

/** @typedef {import('../../kit.js').Schemas} Schemas */
/** @typedef {keyof typeof import('../../kit.js').formats} Format */
/** @typedef {import('../../kit.js').Key} Key */

/** A kind's form: up into the battery, a pause, down out of it. */
const MARKS = { charging: 'M8 2 14 12H2z', wait: 'M3 2h4v12H3zm6 0h4v12H9z', battery_selling: 'M8 14 2 4h12z' };

/** A kind by word, colour and form. @param {Schemas['DecisionKind']} kind */
export const kindOf = (kind) => make('span.kind', { 'data-kind': kind },
  svg('svg', { class: 'mark', viewBox: '0 0 16 16', 'aria-hidden': 'true' }, svg('path', { d: MARKS[kind] ?? MARKS.wait })),
  named('decisions', 'kind', kind));

/** @typedef {Set<string>} Twice hours of a day that come twice, by the clock, because it was turned back */

/** Which hours of these instants come twice. @param {(string | null | undefined)[]} times @returns {Twice} */
export function twice(times) {
  const hours = new Map();
  for (const iso of times) if (iso) hours.set(iso.slice(0, 13), (hours.get(iso.slice(0, 13)) ?? new Set()).add(iso.slice(19)));
  return new Set([...hours].filter(([, offsets]) => offsets.size > 1).map(([hour]) => hour));
}

/** `05:30`, with the offset where it comes twice. @param {string} iso @param {Twice} hours */
export const clockOf = (iso, hours) => (hours.has(iso.slice(0, 13)) ? t('decisions.clock', { time: timeOf(iso), offset: iso.slice(19) }) : timeOf(iso));

/** The same with its day where that is not the day of another instant. @param {string} iso @param {string} other @param {Twice} hours */
export const endOf = (iso, other, hours) => (iso.slice(0, 10) === other.slice(0, 10) ? clockOf(iso, hours) : whenOf(iso));

/** An instant in a heading, its offset as well: in autumn an hour comes twice. @param {string} iso */
export const instant = (iso) => [make('time', { datetime: iso }, whenOf(iso)), ' ', make('span.quiet', t('decisions.offset', { offset: iso.slice(19) }))];

/** The time machine at an instant. @param {string | null | undefined} at */
export const linkToAt = (at) => linkTo('decisions', { at });

/** A refusal, and how to ask again where that may help. @param {unknown} error @param {() => void} retry @returns {Node[]} */
export const refusal = (error, retry) => [
  make('p', error instanceof Refused && error.message ? said(error.message) : refusalText(error)),
  ...(error instanceof Refused && [400, 404].includes(error.status) ? [] : [make('button', { type: 'button', onclick: retry }, t('decisions.retry'))]),
];

/** A tile with its heading. @param {string} name @param {string} title @param {...(Node | string)} inside */
export const tile = (name, title, ...inside) => make(`section.tile.${name}`, { 'aria-labelledby': `${name}-title` },
  make('h2', { id: `${name}-title` }, title), ...inside);

/** A link whose place stays where there is nothing to go to. @param {HTMLAnchorElement} node @param {string | null} href */
export function point(node, href) {
  set(node, 'href', href);
  set(node, 'aria-disabled', href === null ? 'true' : null);
  set(node, 'role', href === null ? 'link' : null);
}

/** The reason of a decision, or that there is none. @param {string} reason */
export const reasonOf = (reason) => (reason ? siteText(reason) : make('span.quiet', t('decisions.no_reason')));

/**
 * Writes values of an answer by their dotted path, each with its reason where it is not known.
 * @param {any} answer @param {string} path of the answer
 */
export function pen(answer, path) {
  /** @param {string} dotted */
  const valueAt = (dotted) => dotted.split('.').reduce((value, key) => value?.[key], answer);
  /** @param {string} dotted @param {Format} as */
  const number = (dotted, as) => figureOf(`${path}#/${dotted.replaceAll('.', '/')}`, valueAt(dotted), as);
  /** What the answer says of it. @param {string} dotted @returns {Node[]} */
  const whyOf = (dotted) => {
    const reason = whyUnknown(answer, dotted);
    return reason ? [said(reason)] : [];
  };
  /** The same where it is not known. @param {string} dotted */
  const why = (dotted) => (typeof valueAt(dotted) === 'number' ? [] : whyOf(dotted));
  /** A fact of a list: its name, its figure, what is said of it. @param {string} name @param {string} dotted @param {Format} as @param {...(Node | string)} beside */
  const fact = (name, dotted, as, ...beside) => make('div', make('dt', name), make('dd', number(dotted, as)),
    ...[...beside.filter(Boolean), ...why(dotted)].map((line) => make('dd.quiet', line)));
  return { number, why, whyOf, fact };
}
