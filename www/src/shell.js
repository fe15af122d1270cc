// What stands around every view: name, links, how the server is heard, choices; and the way from one view to the next.
import { ago, here, icon, language, linkTo, make, onLink, onState, put, serverNow, set, t, whenOf } from './kit.js';
import { begin } from './kit/feed.js';
import { settings } from './kit/settings.js';
import * as now from './views/now.js';

export * from './kit.js';

/**
 * A view that is on the page.
 * @typedef {object} View
 * @property {(state: import('./kit/feed.js').State) => void} [update] the house has news
 * @property {(params: URLSearchParams) => void} [follow] the address names something else of the same view
 * @property {() => void} [leave] it is taken away
 */
/** @typedef {(main: HTMLElement, params: URLSearchParams) => View} Mount every module of views/ exports one as `mount` */

const VIEWS = /** @type {const} */ (['now', 'prices', 'energy', 'history', 'decisions', 'logs', 'system']);
/** How many of them have room at the foot of a phone. */
const FIRST = 4;
const main = /** @type {HTMLElement} */ (document.getElementById('main'));
const top = /** @type {HTMLElement} */ (document.getElementById('top'));
/** @type {{ name: string, view: View, end: () => void } | undefined} */
let shown;
/** Where the reader was on each place, by address. @type {Map<string, number>} */
const scrolled = new Map();

const links = VIEWS.map((name, at) => make(at < FIRST ? 'a' : 'a.later', { href: linkTo(name) }, icon(name), make('span', t(`nav.${name}`))));
const more = make('button.more', { type: 'button', 'aria-expanded': 'false' }, icon('more'), make('span', t('nav.more')));
const nav = make('nav', { 'aria-label': t('nav.label') }, ...links, more);
const heard = make('p.heard');
const asOf = make('time.as-of');
const demo = make('strong.demo', { hidden: true }, t('common.demo'));
const trouble = make('p.trouble', { role: 'status' });

function furnish() {
  top.prepend(make('a.skip', { href: '#main', onclick: skip }, t('nav.skip')));
  top.append(demo, asOf, heard);
  top.after(nav, trouble);
  main.after(make('footer', settings(), make('p', make('a', { href: '/lite' }, t('common.lite')))));
  more.addEventListener('click', () => unfold(!nav.classList.contains('open')));
  nav.addEventListener('keydown', (event) => { if (event.key === 'Escape') { unfold(false); more.focus(); } });
  document.addEventListener('click', (event) => { if (!nav.contains(/** @type {Node} */ (event.target))) unfold(false); });
}

/** @param {Event} event */
function skip(event) {
  event.preventDefault();
  main.focus();
}

/** @param {boolean} open */
function unfold(open) {
  nav.classList.toggle('open', open);
  set(more, 'aria-expanded', open);
}

/** @param {string} wanted */
const known = (wanted) => VIEWS.find((view) => view === wanted) ?? 'now';

/** Draws the view that the address names. */
async function show() {
  const { view: wanted, params } = here();
  const name = known(wanted);
  links.forEach((link, at) => set(link, 'aria-current', VIEWS[at] === name ? 'page' : null));
  set(more, 'aria-current', VIEWS.indexOf(name) >= FIRST ? 'true' : null);
  unfold(false);
  document.title = titleOf(name);
  if (shown?.name === name) { shown.view.follow?.(params); return; }
  const { mount } = await load(name);
  if (here().view !== wanted) return;
  const isFirst = !shown;
  shown?.view.leave?.();
  shown?.end();
  main.replaceChildren(make('h1', t(`nav.${name}`)));
  main.className = `view-${name}`;
  const view = mount(main, params);
  shown = { name, view, end: onState((state) => view.update?.(state)) };
  if (isFirst) return;
  main.focus({ preventScroll: true });
  window.scrollTo(0, scrolled.get(location.hash) ?? 0);
}

/** The view that most come for is here already. @param {string} name @returns {Promise<{ mount: Mount }>} */
async function load(name) {
  if (name === 'now') return now;
  try {
    return await import(new URL(`./${name}.js`, import.meta.url).href);
  } catch {
    return { mount: missing };
  }
}

/** The server is silent, or newer than this page. @type {Mount} */
function missing(place) {
  place.append(make('p.note', t('common.view_missing')), make('button', { type: 'button', onclick: () => location.reload() }, t('common.reload')));
  return { update: undefined };
}

/** @param {typeof VIEWS[number]} name */
const titleOf = (name) => [demo.hidden ? '' : t('common.demo_short'), t(`nav.${name}`), 'Wattboard'].filter(Boolean).join(' \u00b7 ');

/** @type {import('./kit/feed.js').Link | undefined} */
let link;
/** @param {import('./kit/feed.js').Link} told */
function tellLink(told) {
  link = told;
  const seconds = (serverNow() - told.heardAt) / 1000;
  const isLost = told.way === 'lost' && seconds > 3;
  set(heard, 'data-way', isLost ? 'lost' : told.way);
  put(heard, isLost ? t('common.last_update', { age: ago(seconds) }) : told.way === 'polled' ? t('common.polled') : t('common.live'));
  put(trouble, isLost ? t('common.lost', { age: ago(seconds) }) : '');
}

function start() {
  begin(JSON.parse(/** @type {HTMLElement} */ (document.getElementById('first')).textContent ?? ''));
  onState((state) => {
    demo.hidden = !state.demo;
    put(asOf, whenOf(state.timestamp));
    document.title = titleOf(known(here().view));
  });
  onLink(tellLink);
  window.setInterval(() => { if (link && link.way === 'lost' && !document.hidden) tellLink(link); }, 5_000);
  document.addEventListener('scroll', () => { scrolled.set(location.hash, window.scrollY); }, { passive: true });
  window.addEventListener('hashchange', show);
  show();
}

document.documentElement.lang = language;
history.scrollRestoration = 'manual';
furnish();
// What stands around the view is painted first: with its first number a browser takes some 30 ms to learn a language.
requestAnimationFrame(() => { window.setTimeout(start); });
