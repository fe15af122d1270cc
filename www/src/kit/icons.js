// The page's few drawings: strokes on a grid of 24, in the colour of the text around them.
import { svg } from './dom.js';

const PATHS = {
  now: 'M3 12h4l3 8 4-16 3 8h4',
  prices: 'M4 20V10m5 10V4m6 16v-8m5 8V7',
  energy: 'M13 2 5 13h6l-1 9 8-11h-6z',
  history: 'M3 20h18M4 16l5-6 4 3 7-8',
  decisions: 'M5 4v16M5 6h11l3 3-3 3H5m0 3h8',
  logs: 'M5 5h14M5 10h14M5 15h9M5 20h6',
  system: 'M4 5h16v10H4zm4 15h8m-4-5v5',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  pv: 'M12 3v2m0 14v2M5.6 5.6 7 7m10 10 1.4 1.4M3 12h2m14 0h2M5.6 18.4 7 17M17 7l1.4-1.4M16 12a4 4 0 1 1-8 0 4 4 0 0 1 8 0z',
  house: 'M4 11 12 4l8 7m-14-1v10h12V10',
  battery: 'M3 8h15v9H3zm15 3h3v3h-3',
  grid: 'M12 3 6 21m6-18 6 18M8 9h8M5 9h14M7 15h10',
};

/** @param {keyof typeof PATHS} name @returns {SVGElement} */
export const icon = (name) => svg('svg', { class: 'icon', viewBox: '0 0 24 24', 'aria-hidden': 'true' }, svg('path', { d: PATHS[name] }));
