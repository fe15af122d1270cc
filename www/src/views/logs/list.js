// The lines, newest last. It stays at its end only while the reader is there, and holds so many lines at most.
import { make, put, t } from '../../kit.js';
import { lineOf } from './line.js';

const MOST = 2000;
/** So near its end the reader is at it, px. */
const NEAR = 40;

/** @param {HTMLElement} first stands above the oldest line */
export function list(first) {
  const lines = make('ol.lines');
  const empty = make('p.quiet', t('common.loading'));
  const pane = make('div.pane', { tabindex: '0', role: 'region', 'aria-label': t('logs.lines') }, first, empty, lines);
  const news = make('button.news', { type: 'button', hidden: true });
  const box = make('div.reader', pane, news);
  /** Their texts, none for a mark that lines are missing. @type {(string | null)[]} */
  let texts = [];
  let level = '';
  let unseen = 0;
  /** Whether the reader is at the end. */
  let sticks = true;

  const isAtEnd = () => pane.scrollHeight - pane.scrollTop - pane.clientHeight < NEAR;
  const toEnd = () => { pane.scrollTop = pane.scrollHeight; sticks = true; tell(0); };
  /** @param {number} count */
  function tell(count) {
    unseen = count;
    news.hidden = !count;
    put(news, count ? t('logs.news', { n: count }) : '');
  }
  news.addEventListener('click', () => { toEnd(); pane.focus(); });
  pane.addEventListener('scroll', () => {
    sticks = isAtEnd();
    if (sticks && unseen) tell(0);
  }, { passive: true });
  // Turned, or made narrower: lines break anew.
  new ResizeObserver(() => { if (sticks) toEnd(); }).observe(pane);
  pane.addEventListener('keydown', (event) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
    const links = [...pane.querySelectorAll('a')].filter((link) => !link.hidden);
    const at = links.indexOf(/** @type {HTMLAnchorElement} */ (document.activeElement));
    const next = at < 0 ? links.at(-1) : links[at + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  });

  /** @param {string[]} added */
  function nodesOf(added) {
    const nodes = document.createDocumentFragment();
    for (const text of added) {
      const made = lineOf(text, level);
      level = made.level;
      nodes.append(made.node);
    }
    return nodes;
  }

  return {
    box,
    /** The lines since the last gap. */
    known: () => /** @type {string[]} */ (texts.slice(texts.lastIndexOf(null) + 1)),
    /** All lines anew. @param {string[]} all */
    show(all) {
      put(empty, t('logs.none'));
      level = '';
      texts = all.slice(-MOST);
      lines.replaceChildren(nodesOf(texts.map(String)));
      empty.hidden = all.length > 0;
      toEnd();
    },
    /** More lines; before them a mark where some are missing. @param {string[]} added @param {boolean} hasGap */
    add(added, hasGap) {
      if (!added.length && !hasGap) return;
      const top = pane.scrollTop;
      if (hasGap) {
        texts.push(null);
        lines.append(make('li.gap', t('logs.gap')));
      }
      texts.push(...added);
      empty.hidden = true;
      lines.append(nodesOf(added));
      const height = pane.scrollHeight;
      const surplus = Math.max(0, texts.length - MOST);
      texts.splice(0, surplus);
      for (let n = 0; n < surplus; n++) lines.firstElementChild?.remove();
      if (sticks) toEnd();
      else {
        pane.scrollTop = top - (height - pane.scrollHeight);
        tell(unseen + added.length);
      }
    },
  };
}
