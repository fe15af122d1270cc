// The page's colours for a canvas: the values of the CSS variables, read again when the theme changes.

/** @type {Map<string, string>} */
const known = new Map();
/** @type {Set<() => void>} */
const readers = new Set();

/** The value of a CSS variable such as `--pv`. @param {string} name */
export function colour(name) {
  let value = known.get(name);
  if (value === undefined) {
    value = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    known.set(name, value);
  }
  return value;
}

/** Tells when they have changed; answers how to stop. @param {() => void} reader */
export function onTheme(reader) {
  readers.add(reader);
  return () => { readers.delete(reader); };
}

function changed() {
  known.clear();
  for (const reader of readers) reader();
}

window.addEventListener('themechange', changed);
for (const query of ['(prefers-color-scheme: dark)', 'print']) window.matchMedia(query).addEventListener('change', changed);
