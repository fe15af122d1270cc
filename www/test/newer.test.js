import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newer } from '../src/views/logs/newer.js';

const of = (text) => [...text];

test('lines that are known are not told twice', () => {
  for (const [known, told, added] of [
    ['', 'abc', 'abc'],
    ['abc', 'abc', ''],
    ['abc', '', ''],
    ['abc', 'bcde', 'de'],
    ['abc', 'cde', 'de'],
    ['c', 'abcd', 'd'],
    ['xa', 'xaa', 'a'],
    ['abab', 'abab', ''],
    ['abab', 'babc', 'c'],
  ]) assert.deepEqual(newer(of(known), of(told)), of(added), `${known} ${told}`);
});

test('a gap is told from lines that follow', () => {
  assert.equal(newer(of('abc'), of('efg')), undefined);
  assert.equal(newer(of('abc'), of('bxc')), undefined);
});
