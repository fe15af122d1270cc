// What the page's modules need of a browser, for tests without one: an element that has a language, an address, a clock.
const nothing = () => undefined;
globalThis.document ??= /** @type {any} */ ({
  documentElement: { lang: 'en', dataset: {} }, hidden: false, addEventListener: nothing,
});
globalThis.window ??= /** @type {any} */ (globalThis);
globalThis.location ??= /** @type {any} */ ({ hash: '' });
