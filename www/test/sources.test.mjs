// The sources: nothing is formatted by the browser's clock or language, no words but those of the catalogues, no markup made of
// text.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const src = fileURLToPath(new URL('../src', import.meta.url));
const files = readdirSync(src, { recursive: true }).map(String).filter((name) => name.endsWith('.js'));
/** Of a browser's own clock and language. */
const LOCAL = /^(toLocale\w*|get(Hours|Minutes|Seconds|Date|Day|Month|FullYear|TimezoneOffset)|to(Date|Time)String)$/;
const MARKUP = /^(innerHTML|outerHTML|insertAdjacentHTML|writeln|createContextualFragment|parseFromString|eval|Function)$/;
/** Attributes whose values are no words: classes, drawings, addresses. */
const NO_WORDS = /^(class|className|d|viewBox|transform|preserveAspectRatio|points|href|style|font|rel|autocomplete|inputmode|sandbox)$/;
/** Commands, what is found in the server's sentences, and style: no words for a reader's language. */
const AS_IT_IS = ['wattboard check', 'systemctl status goodwe-master-coordinator', 'lines were left out', 'all day',
  '12px system-ui, sans-serif', '(prefers-color-scheme: dark)', 'color-mix(in srgb, \u0001 15%, transparent)', 'bar cheap', 'bar dear',
  'Escape', 'Enter', 'Home', 'End', 'Wattboard', 'Accept'];

/** Looks at every node of every source. */
function look(see) {
  const found = [];
  for (const name of files) {
    const source = ts.createSourceFile(name, readFileSync(`${src}/${name}`, 'utf8'), ts.ScriptTarget.Latest, true, ts.ScriptKind.JS);
    const visit = (node) => {
      const fault = see(node, name);
      if (fault) found.push(`${name}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}: ${fault}`);
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return found;
}

test('numbers, dates and times are written in the reader\'s language by the site\'s clock', () => {
  assert.deepEqual(look((node, name) => {
    if (ts.isPropertyAccessExpression(node) && LOCAL.test(node.name.text)) return node.name.text;
    const isIntl = ts.isNewExpression(node) && node.expression.getText().startsWith('Intl.');
    // The clock of a zone is read in English, and not shown.
    return isIntl && node.arguments[0]?.getText() !== 'locale' && name !== 'charts/zone.js' ? node.getText() : '';
  }), []);
});

test('no text becomes markup', () => {
  assert.deepEqual(look((node) => (ts.isIdentifier(node) && MARKUP.test(node.text) && !ts.isPropertyAssignment(node.parent) ? node.text : '')), []);
});

test('words are those of the catalogues', () => {
  const isSentence = (text) => /\p{L}{2,}[,:]? \p{L}{2,}/u.test(text) || /^\p{Lu}\p{Ll}{2,}$/u.test(text);
  assert.deepEqual(look((node) => {
    const text = ts.isStringLiteralLike(node) ? node.text : ts.isTemplateExpression(node) ? [node.head, ...node.templateSpans.map(({ literal }) => literal)].map((part) => part.text).join('\u0001') : '';
    if (!isSentence(text) || AS_IT_IS.includes(text)) return '';
    for (let above = node.parent; above; above = above.parent) {
      if (ts.isImportDeclaration(above) || ts.isExportDeclaration(above)) return '';
      if (ts.isPropertyAssignment(above) && NO_WORDS.test(above.name.text)) return '';
    }
    return JSON.stringify(text);
  }), []);
});
