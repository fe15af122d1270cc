// Where the reader is: `#/view?parameters`. Each is a link that can be shared and goes back.

/** @typedef {{ view: string, params: URLSearchParams }} Place */

/** The place that the address names. @returns {Place} */
export function here() {
  const [view = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?', 2);
  return { view: view || 'now', params: new URLSearchParams(query) };
}

/**
 * The address of a place; parameters that are empty are left out.
 * @param {string} view @param {Record<string, unknown>} [params]
 */
export function linkTo(view, params = {}) {
  const pairs = Object.entries(params).filter(([, value]) => value !== '' && value !== null && value !== undefined);
  const query = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
  return `#/${view === 'now' ? '' : view}${query ? `?${query}` : ''}`;
}

/** Goes somewhere; the way back leads here. @param {string} view @param {Record<string, unknown>} [params] */
export function go(view, params) {
  location.hash = linkTo(view, params);
}

/** Notes what the view shows now, without a way back. @param {string} view @param {Record<string, unknown>} [params] */
export function note(view, params) {
  history.replaceState(history.state, '', linkTo(view, params));
}
