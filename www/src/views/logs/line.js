// One line of a log: its text as it was written, its time a link to what the house did then, its level marked.
import { linkTo, make, siteText } from '../../kit.js';

const TIME = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:[,.]\d+)?([+-]\d\d:?\d\d|Z)?/;
/** `2026-11-22 14:02:24,900 - module.name - LEVEL - message`, in the journal behind `host unit[123]: `. */
const LEVEL = / - (DEBUG|INFO|WARNING|ERROR|CRITICAL) - /;
/** Farther into a line there is no level but a message that speaks of one. */
const HEAD_LENGTH = 200;

/** When a line was written, as the API takes it; empty where it does not say. @param {string} text */
export function timeOfLine(text) {
  const [, day, time, offset = ''] = TIME.exec(text) ?? [];
  return day ? `${day}T${time}${offset.length === 5 ? `${offset.slice(0, 3)}:${offset.slice(3)}` : offset}` : '';
}

/**
 * A line's element; one that tells no level has that of the line before it.
 * @param {string} text @param {string} before level of the line before
 */
export function lineOf(text, before) {
  const time = TIME.exec(text)?.[0] ?? '';
  const found = time ? LEVEL.exec(text.slice(0, HEAD_LENGTH)) : null;
  const level = found?.[1] ?? (time ? '' : before);
  const node = make('li', { 'data-level': level || null });
  if (time) node.append(make('a', { href: linkTo('decisions', { at: timeOfLine(text) }), tabindex: '-1' }, siteText(time)));
  if (!found) node.append(siteText(text.slice(time.length)));
  else {
    const at = found.index + 3;
    node.append(siteText(text.slice(time.length, at)), make('strong.level', level), siteText(text.slice(at + level.length)));
  }
  return { node, level };
}
