// The words of one language, chosen by the server; a catalogue is one file in www/lang.
import words from '#words';

/** @typedef {typeof words} Words */
/** @typedef {{ [S in keyof Words & string]: `${S}.${keyof Words[S] & string}` }[keyof Words & string]} Key `section.name` */
/** @typedef {Record<string, string | number>} Given what fills a text's places, `{name}` */

/** BCP 47, for Intl. */
export const locale = words.meta.locale;
/** The catalogue's code. */
export const language = document.documentElement.lang;

/** @type {Intl.PluralRules | undefined} */
let plurals;
/** @param {unknown} n */
const pluralOf = (n) => (plurals ??= new Intl.PluralRules(locale)).select(Number(n));

/** @param {string} text @param {Given} given */
const fill = (text, given) => text.replace(/\{(\w+)\}/g, (whole, name) => (name in given ? String(given[name]) : whole));

/** @param {string} key @returns {unknown} */
function find(key) {
  const dot = key.indexOf('.');
  const section = /** @type {Record<string, Record<string, unknown>>} */ (/** @type {unknown} */ (words))[key.slice(0, dot)];
  return section?.[key.slice(dot + 1)];
}

/**
 * A text of the catalogue, its places filled. One that depends on a number has a form for each plural of its language
 * (`one`, `few`, `many`, `other`: Unicode CLDR), chosen by `given.n`.
 * @param {Key} key @param {Given} [given] @returns {string}
 */
export function t(key, given = {}) {
  const found = find(key);
  const text = typeof found === 'object' && found !== null
    ? /** @type {Record<string, string>} */ (found)[pluralOf(given.n)] ?? /** @type {any} */ (found).other
    : found;
  return fill(String(text ?? key), { ...given, n: typeof given.n === 'number' ? new Intl.NumberFormat(locale).format(given.n) : given.n ?? '' });
}

/**
 * The text for a word of the API, such as a kind or a state, `section.prefix_word` or, without a prefix, `section.word`;
 * the word itself where the catalogue has none, nothing where the API has none.
 * @param {string} section @param {string} prefix @param {unknown} word
 */
export function named(section, prefix, word) {
  if (word === null || word === undefined) return '';
  const found = find(`${section}.${prefix ? `${prefix}_` : ''}${word}`);
  return typeof found === 'string' ? found : String(word).replaceAll('_', ' ');
}

/** @typedef {{ begin: string, own: number, pattern: string, target: string, exact?: RegExp }} Sentence */
/** The server's sentences, those that say most themselves first; made when the first is needed. @type {Sentence[] | undefined} */
let sentences;

/** @param {[string, string]} entry @returns {Sentence} */
const sentence = ([pattern, target]) => ({ begin: pattern.split('{', 1)[0] ?? '', own: pattern.replace(/\{\w+\}/g, '').length, pattern, target });

/** @param {Sentence} sentence */
const exact = ({ pattern }) => new RegExp(`^${pattern.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{\w+\}/g, '(.+?)')}$`, 's');

/**
 * What the server says in English, in the reader's language: `server` of the catalogue has its sentences, with places
 * `{name}` for what differs; what fills them is translated, too. Of patterns that fit, the one that says most itself counts,
 * so that their order in the catalogue does not matter. Several sentences stand with semicolons between them.
 * Undefined where one of them is not in the catalogue.
 * @param {string} text @returns {string | undefined}
 */
export function translated(text) {
  sentences ??= Object.entries(/** @type {Record<string, string>} */ (words.server)).map(sentence).sort((one, other) => other.own - one.own);
  for (const one of sentences) {
    const match = text.startsWith(one.begin) ? (one.exact ??= exact(one)).exec(text) : null;
    if (!match) continue;
    const names = [...one.pattern.matchAll(/\{(\w+)\}/g)].map(([, name]) => String(name));
    return fill(one.target, Object.fromEntries(names.map((name, at) => [name, translated(match[at + 1] ?? '') ?? match[at + 1] ?? ''])));
  }
  const parts = text.split('; ');
  const known = parts.length > 1 ? parts.map(translated) : [];
  return known.length && known.every((part) => part !== undefined) ? known.join('; ') : undefined;
}
