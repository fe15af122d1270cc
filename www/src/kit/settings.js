// What the reader chose: language and theme, kept in cookies, so that the server's first bytes are right already.
import catalogues from '#languages';
import { make } from './dom.js';
import { language, t } from './words.js';

const THEMES = /** @type {const} */ (['auto', 'light', 'dark']);
const YEAR_S = 31_536_000;

/** @param {string} name @param {string} value */
function keep(name, value) {
  document.cookie = `${name}=${value}; path=/; max-age=${YEAR_S}; samesite=lax`;
}

/** What surrounds the page in a browser or on a home screen takes its colour. */
function colourFrame() {
  const paper = getComputedStyle(document.documentElement).getPropertyValue('--paper').trim();
  for (const meta of document.querySelectorAll('meta[name="theme-color"]')) meta.setAttribute('content', paper);
}

/** The two choices. @returns {HTMLElement} */
export function settings() {
  if (document.documentElement.dataset.theme !== 'auto') colourFrame();
  const theme = select(THEMES.map((name) => [name, t(`common.theme_${name}`)]), document.documentElement.dataset.theme ?? 'auto', (value) => {
    keep('theme', value);
    document.documentElement.dataset.theme = value;
    colourFrame();
    window.dispatchEvent(new Event('themechange'));
  });
  const languages = select(Object.entries(catalogues), language, (value) => {
    keep('language', value);
    location.reload();
  });
  return make('p.settings', make('label', `${t('common.language')} `, languages), ' ', make('label', `${t('common.theme')} `, theme));
}

/** @param {[string, string][]} options @param {string} chosen @param {(value: string) => void} change */
function select(options, chosen, change) {
  const node = make('select', ...options.map(([value, name]) => make('option', { value, selected: value === chosen }, name)));
  node.addEventListener('change', () => change(node.value));
  return node;
}
