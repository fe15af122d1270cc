// The catalogues as they lie in lang.
import { readFileSync, readdirSync } from 'node:fs';

const folder = new URL('../lang/', import.meta.url);
export const catalogues = Object.fromEntries(readdirSync(folder).filter((name) => name.endsWith('.json'))
  .map((name) => [name.slice(0, -5), JSON.parse(readFileSync(new URL(name, folder), 'utf8'))]));

/** Every text of a catalogue: [section.key, the text or its forms]. */
export const texts = (catalogue) => Object.entries(catalogue).flatMap(([section, inside]) => Object.entries(inside).map(([key, text]) => [`${section}.${key}`, text]));
/** The names of a text's places. */
export const places = (text) => [...new Set((typeof text === 'string' ? [text] : Object.values(text)).flatMap((form) => form.match(/\{\w+\}/g) ?? []))].sort();
