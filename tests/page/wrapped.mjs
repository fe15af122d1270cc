// The page in a language that a test can tell from any other: each text of its catalogue stands in ⟦ ⟧, what is filled into
// its places beside them, and what Intl wrote in ⟨ ⟩, with a letter that says what it is. It is one more file of the catalogues, so it shows as well that one is enough.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { root, visit } from './harness.mjs';

const mapped = (value, change) => (typeof value === 'string' ? change(value)
  : Object.fromEntries(Object.entries(value).map(([name, inside]) => [name, mapped(inside, change)])));

const apart = (text) => `⟦${text.replace(/\{\w+\}/g, (place) => `⟧${place}⟦`)}⟧`;

let shell;
/** The bundled shell of the wrapped language. What the server's sentences are filled with is the server's. */
export function wrappedShell() {
  shell ??= bundle();
  return shell;
}

function bundle() {
  const folder = mkdtempSync(join(tmpdir(), 'wattboard-words-'));
  try {
    mkdirSync(join(folder, 'lang'));
    cpSync(join(root, 'www/lang'), join(folder, 'lang'), { recursive: true });
    const { meta, server, ...sections } = JSON.parse(readFileSync(join(root, 'www/lang/en.json'), 'utf8'));
    const words = { meta: { ...meta, name: '⟦wrapped⟧' }, ...mapped(sections, apart), server: mapped(server, (text) => `⟦${text}⟧`) };
    writeFileSync(join(folder, 'lang/xx.json'), JSON.stringify(words));
    execFileSync('node', [join(root, 'www/build.mjs'), join(folder, 'out'), join(folder, 'lang')], { stdio: ['ignore', 'ignore', 'inherit'] });
    return gunzipSync(readFileSync(join(folder, 'out/assets/xx/shell.js.gz'))).toString();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Marks what Intl writes; runs in the page before its scripts. `#`: a number, `@`: a date, a time or an age, `n`: a count in a text. */
export function markIntl() {
  const marked = (kind, text) => `\u27e8${kind}${text}\u27e9`;
  const { NumberFormat, DateTimeFormat, RelativeTimeFormat } = Intl;
  const spans = ['second', 'minute', 'hour', 'day'];
  Intl.NumberFormat = class extends NumberFormat {
    constructor(locale, options) { super(locale, options); this.kind = !options ? 'n' : spans.includes(options.unit) ? '@' : '#'; }
    get format() { return (value) => marked(this.kind, super.format(value)); }
  };
  Intl.DateTimeFormat = class extends DateTimeFormat {
    get format() { return (value) => marked('@', super.format(value)); }
    formatRange(from, to) { return marked('@', super.formatRange(from, to)); }
  };
  Intl.RelativeTimeFormat = class extends RelativeTimeFormat {
    format(value, unit) { return marked('@', super.format(value, unit)); }
  };
}

/** Everything that is written in the document, with where it stands; runs in the page. */
export function writings() {
  const found = [];
  const nameOf = (node) => [node.closest('[id]') && `#${node.closest('[id]').id}`, node.tagName.toLowerCase(), node.getAttribute('class')].filter(Boolean).join(' ');
  const add = (node, text, what) => {
    if (!text.trim()) return;
    const place = (selector) => node.closest(selector) !== null;
    found.push({ text: text.trim(), where: `${nameOf(node)} ${what}`.trim(), isSite: place('.site') || (what !== '' && place('[data-site]')), isFigure: place('[data-of]'), isDrawing: place('svg, [aria-hidden=true]'), isBrand: place('.brand'), isReckoned: place('[data-reckoned]'), isAttribute: what !== '', isCode: place('pre, code, kbd') });
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!node.closest('script, style, noscript')) add(node, walker.currentNode.textContent, '');
  }
  for (const name of ['aria-label', 'title', 'placeholder', 'alt', 'aria-description', 'aria-valuetext', 'aria-roledescription']) {
    for (const node of document.querySelectorAll(`[${name}]`)) add(node, node.getAttribute(name), name);
  }
  found.push({ text: document.title, where: 'title' });
  return found;
}

/** What of a text is neither in ⟦ ⟧ nor in ⟨ ⟩. */
export function outside(text) {
  let depth = 0;
  return [...text].map((sign) => {
    if ('⟦⟨'.includes(sign)) depth += 1;
    const isOutside = depth === 0;
    if ('⟧⟩'.includes(sign)) depth -= 1;
    return isOutside ? sign : ' ';
  }).join('').trim();
}

/** The numbers that Intl wrote into a text as values. */
export const numbersIn = (text) => [...text.matchAll(/⟨#([^⟩]*)⟩/g)].map(([, number]) => number);

/** Units, names, levels of a log, and offsets from UTC: the same in every language. */
const SAME = /^(k?Wh?|PLN(\/kWh)?|\/kWh|V|A|W|ms|°C|%|Wattboard|CSV|JSON|PSE|DEBUG|INFO|WARNING|ERROR|CRITICAL|[+-]\d\d:\d\d)$/;
/** Names of languages in themselves. */
const isLanguage = ({ where }) => where.includes('option');
/** Where numbers stand that name no value of the API: axes, what is read out of drawings, what was reckoned from values. */
const mayCount = ({ isFigure, isDrawing, isReckoned, isAttribute }) => isFigure || isDrawing || isReckoned || isAttribute;

/** What is wrong with the writings of a page. */
export function faults(found) {
  const wrong = [];
  for (const written of found.filter(({ isSite, isCode }) => !isSite && !isCode)) {
    const tell = (why) => wrong.push(`${written.where}: ${why}: ${JSON.stringify(written.text.slice(0, 200))}`);
    const words = outside(written.text).split(/[^\p{L}\p{N}/°%:+-]+/u).filter((word) => /[\p{L}\p{N}]/u.test(word) && !SAME.test(word));
    if (words.length && !isLanguage(written)) tell(`"${words.join(' ')}" is of no catalogue and not by Intl`);
    if (numbersIn(written.text).length && !mayCount(written)) tell('a number that does not say which value of the API it is');
    if (/\{\w+\}/.test(written.text)) tell('a place that was not filled');
    if (/\b(undefined|null|NaN|Infinity|Invalid Date)\b|\[object/.test(outside(written.text))) tell('no text at all');
  }
  return wrong;
}

const prepare = (page) => page.route('**/en/shell.js', (route) => route.fulfill({ contentType: 'text/javascript', body: wrappedShell() }));
/** A page in the wrapped language. */
export const wrapped = (base, hash) => visit(base, hash, { init: markIntl, prepare });
