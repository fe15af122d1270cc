// Asking the server.
import { t } from './words.js';

const PATIENCE_MS = 10_000;

/** What the server refused, or that it said nothing; `message` is the server's sentence, or empty. */
export class Refused extends Error {
  /** @param {string} message @param {number} status 0: no answer at all @param {string} [code] the API's */
  constructor(message, status, code = '') {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/**
 * An answer of the API; a refusal is thrown.
 * @template T
 * @param {string} path @param {AbortSignal} [signal] @returns {Promise<T>}
 */
export async function ask(path, signal) {
  const patience = new AbortController();
  const stop = () => patience.abort();
  const timer = setTimeout(stop, PATIENCE_MS);
  signal?.addEventListener('abort', stop);
  if (signal?.aborted) stop();
  try {
    const response = await fetch(path, { signal: patience.signal, headers: { Accept: 'application/json' } });
    const body = await response.json().catch(() => null);
    if (!response.ok || body === null) throw new Refused(body?.error ?? '', response.status, body?.code);
    return body;
  } catch (error) {
    throw error instanceof Refused ? error : new Refused('', 0);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
  }
}

/** A refusal in words. @param {unknown} error @returns {string} */
export const refusalText = (error) => (error instanceof Refused && error.message ? error.message : t('common.no_answer'));

/**
 * A path with its query; what is empty is left out.
 * @param {string} path @param {Record<string, unknown>} query
 */
export function withQuery(path, query) {
  const pairs = Object.entries(query).filter(([, value]) => value !== '' && value !== null && value !== undefined);
  const text = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
  return text ? `${path}?${text}` : path;
}
