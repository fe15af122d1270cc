// One decision: what was done, what it was worth at the prices of its time, what would have been best, what was known.
import { ask, linkTo, make, put, set, siteText, t, withQuery } from '../../kit.js';
import { assumed, deal, knownThen, method, session, verdict } from './deals.js';
import { instant, kindOf, linkToAt, pen, point, reasonOf, refusal, tile } from './parts.js';

/** @typedef {import('../../kit.js').Schemas} Schemas */
/** @typedef {Schemas['DecisionReceipt']} Answer */

/** `decided_at` is cut to the second. */
const SECOND_MS = 1000;

export function receipt() {
  const all = make('a.button', t('decisions.all'));
  const before = make('a.button', t('decisions.before'));
  const after = make('a.button', t('decisions.after'));
  const then = make('a.button', t('decisions.then'));
  const title = make('h2', { tabindex: '-1' });
  const note = make('div.note', { role: 'alert' });
  const inside = make('div.receipt');
  const box = make('article.one', make('div.toolbar', all, before, after, then), title, note, inside);
  let abort = new AbortController();

  /** @param {string} id @param {Record<string, string>} chosen */
  async function follow(id, chosen) {
    abort.abort();
    abort = new AbortController();
    const { signal } = abort;
    const path = `/api/v1/decisions/${encodeURIComponent(id)}`;
    set(all, 'href', linkTo('decisions', chosen));
    set(box, 'aria-busy', 'true');
    if (!inside.firstChild) put(title, t('common.loading'));
    try {
      /** @type {Answer} */
      const answer = await ask(path, signal);
      if (signal.aborted) return;
      note.replaceChildren();
      draw(answer, path);
      set(then, 'href', linkToAt(answer.decision.decided_at));
      neighbours(answer.decision, chosen, signal);
    } catch (error) {
      if (signal.aborted) return;
      put(title, t('decisions.one'));
      inside.replaceChildren();
      for (const link of [before, after, then]) point(link, null);
      note.replaceChildren(...refusal(error, () => follow(id, chosen)));
    }
    set(box, 'aria-busy', null);
  }

  /** @param {Answer} answer @param {string} path */
  function draw(answer, path) {
    const { decision } = answer;
    const p = pen(answer, path);
    title.replaceChildren(kindOf(decision.kind), ' ', ...instant(decision.decided_at));
    inside.replaceChildren(
      verdict(answer, p),
      tile('reason-given', t('decisions.reason'), make('p.words', reasonOf(decision.reason)),
        make('p.quiet', `${t('decisions.confidence')} `, p.number('decision.confidence', 'share'), ...p.why('decision.confidence').flatMap((why) => [', ', why]))),
      deal(answer, p, 'done'),
      deal(answer, p, 'alternative'),
      assumed(answer, p),
      ...(decision.kind === 'wait' ? [] : [session(answer, p)]),
      knownThen(answer, p),
      method(answer, p),
      make('details.tile.written', make('summary', t('decisions.written')), make('dl.facts',
        make('div', make('dt', t('decisions.action')), make('dd', siteText(decision.action))),
        ...(decision.source_module ? [make('div', make('dt', t('decisions.module')), make('dd', siteText(decision.source_module)))] : [])),
      make('pre', siteText(JSON.stringify(decision.parameters ?? {}, null, 2)))),
    );
  }

  /** Finds the decisions before and after it. @param {Schemas['PastDecision']} decision @param {Record<string, string>} chosen @param {AbortSignal} signal */
  async function neighbours(decision, chosen, signal) {
    /** @param {{ id: unknown } | null | undefined} mark */
    const link = (mark) => (mark?.id ? linkTo('decisions', { ...chosen, id: mark.id }) : null);
    try {
      const time = new Date(Date.parse(decision.decided_at) + SECOND_MS).toISOString();
      /** @type {Schemas['SiteAt']} */
      const at = await ask(withQuery('/api/v1/at', { time }), signal);
      if (signal.aborted) return;
      const isThis = String(at.decision?.id) === String(decision.id);
      point(before, isThis ? link(at.decision_before) : null);
      // Another one of the same second is in force then.
      point(after, link(isThis ? at.decision_after : at.decision));
    } catch {
      if (!signal.aborted) for (const node of [before, after]) point(node, null);
    }
  }

  return {
    box,
    follow,
    focus: () => title.focus({ preventScroll: true }),
    leave: () => abort.abort(),
  };
}
