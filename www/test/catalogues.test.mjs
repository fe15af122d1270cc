// The catalogues: the same texts with the same places in every language, every form of a plural, nothing missing, nothing left over.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { catalogues, places, texts } from './languages.mjs';

const { en, ...others } = catalogues;
const english = new Map(texts(en));

for (const [code, catalogue] of Object.entries(others)) {
  test(`${code} has the texts of en, with the same places`, () => {
    const known = new Map(texts(catalogue));
    assert.deepEqual([...known.keys()].filter((key) => !english.has(key)), [], 'left over');
    assert.deepEqual([...english.keys()].filter((key) => !known.has(key)), [], 'missing');
    for (const [key, text] of english) assert.deepEqual(places(known.get(key)), places(text), key);
  });
}

for (const [code, catalogue] of Object.entries(catalogues)) {
  test(`${code}: no text is empty, plurals have every form of the language`, () => {
    const forms = new Intl.PluralRules(catalogue.meta.locale).resolvedOptions().pluralCategories.sort();
    for (const [key, text] of texts(catalogue).filter(([key]) => !key.startsWith('meta.'))) {
      if (typeof text === 'string') { assert.notEqual(text.trim(), '', key); continue; }
      assert.deepEqual(Object.keys(text).sort(), forms, key);
      for (const form of Object.values(text)) assert.notEqual(form.trim(), '', key);
    }
  });
}

test('en says what the server says, word by word', () => {
  for (const [sentence, text] of Object.entries(en.server)) assert.equal(text, sentence);
});

const src = fileURLToPath(new URL('../src', import.meta.url));
const files = readdirSync(src, { recursive: true }).map(String).filter((name) => name.endsWith('.js'));

/** Every literal of the sources, and the beginning of every template with places. */
function literals() {
  const whole = new Set();
  const begun = new Set();
  const asked = [];
  const named = new Set();
  for (const name of files) {
    const source = ts.createSourceFile(name, readFileSync(`${src}/${name}`, 'utf8'), ts.ScriptTarget.Latest, true, ts.ScriptKind.JS);
    const look = (node) => {
      if (ts.isStringLiteralLike(node)) whole.add(node.text);
      if (ts.isTemplateExpression(node)) begun.add(node.head.text);
      if (ts.isCallExpression(node) && ts.isIdentifier(node.expression)) {
        const [first, second] = node.arguments;
        if (['t', 'tWith'].includes(node.expression.text) && first && ts.isStringLiteralLike(first)) asked.push(first.text);
        if (node.expression.text === 'named' && ts.isStringLiteralLike(first)) named.add(`${first.text}.${ts.isStringLiteralLike(second) ? second.text : ''}`);
      }
      ts.forEachChild(node, look);
    };
    look(source);
  }
  return { whole, begun: [...begun].filter((head) => /^\w+\.\w*$/.test(head)), asked, named: [...named] };
}

test('every text that is asked for is there, and every text is asked for', () => {
  const { whole, begun, asked, named } = literals();
  assert.deepEqual(asked.filter((key) => !english.has(key)), [], 'asked for, and missing');
  const isUsed = (key) => whole.has(key) || begun.some((head) => key.startsWith(head)) || named.some((head) => key.startsWith(head));
  const server = ['meta', 'server', 'lite'];
  assert.deepEqual([...english.keys()].filter((key) => !server.includes(key.split('.')[0]) && !isUsed(key)), [], 'nobody asks for them');
});
