// What every view is built with. For the browser this is the shell's file: there is one of it.
export * from './kit/age.js';
export * from './kit/ask.js';
export * from './kit/dom.js';
export * from './kit/feed.js';
export * from './kit/figure.js';
export * from './kit/format.js';
export * from './kit/icons.js';
export * from './kit/link.js';
export * from './kit/words.js';
