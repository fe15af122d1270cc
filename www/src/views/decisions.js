// What the coordinator decided and what it was worth: the timeline, one decision with its receipt, and the time machine.
import { FILTERS } from './decisions/filters.js';
import { machine } from './decisions/machine.js';
import { receipt } from './decisions/receipt.js';
import { timeline } from './decisions/timeline.js';

/** @type {import('../shell.js').Mount} */
export function mount(main, params) {
  const parts = { list: timeline(), one: receipt(), at: machine() };
  main.append(...Object.values(parts).map(({ box }) => box));
  /** @type {keyof typeof parts | undefined} */
  let mode;
  /** Where the reader was in the timeline, and the decision that he opened there. */
  let scroll = 0;
  let opened = '';

  /** @param {URLSearchParams} asked */
  function follow(asked) {
    const next = asked.has('id') ? 'one' : asked.has('at') ? 'at' : 'list';
    const isChange = mode !== undefined && mode !== next;
    if (mode === 'list' && isChange) scroll = window.scrollY;
    mode = next;
    for (const [name, { box }] of Object.entries(parts)) box.hidden = name !== mode;
    const chosen = Object.fromEntries(FILTERS.map((name) => [name, asked.get(name) ?? '']));
    if (next === 'one') parts.one.follow(opened = asked.get('id') ?? '', chosen);
    else if (next === 'at') parts.at.follow(asked.get('at') ?? '');
    else parts.list.follow(chosen);
    if (!isChange) return;
    window.scrollTo(0, next === 'list' ? scroll : Math.min(window.scrollY, main.offsetTop));
    parts[next].focus(opened);
  }
  follow(params);
  return {
    update: (state) => parts.list.update(state),
    follow,
    leave: () => Object.values(parts).forEach((part) => part.leave()),
  };
}
