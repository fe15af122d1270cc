// Every number of the page beside the API's: formatted here by a table of its own.
import { settled } from './harness.mjs';

const LOCALES = { en: 'en-GB', pl: 'pl-PL' };
const NBSP = '\u00a0';
const DASH = '\u2013';
/** What is rounded to nothing has no sign. */
const unsigned = (text) => (/[1-9]/.test(text) ? text : text.replace(/[-\u2212]/, ''));
/** What tells of the asking itself is never the same twice: what the page was told counts. */
const MOVING = /^\/(api\/v1\/about|status)/;

/** Name of a format -> what is to be read for a value, in a language. */
function table(locale) {
  // What is rounded to 0 has no minus.
  const number = (least, most, more = {}) => (value) => {
    const text = value.toLocaleString(locale, { minimumFractionDigits: least, maximumFractionDigits: most, ...more });
    return /[1-9]/.test(text) ? text : text.replace(/^[-\u2212]/, '');
  };
  const money = number(2, 2, { style: 'currency', currency: 'PLN' });
  const unit = (name, value, most = 0, display = 'short') => value.toLocaleString(locale, { style: 'unit', unit: name, unitDisplay: display, maximumFractionDigits: most });
  return {
    power: (w) => `${number(2, 2)(w / 1000)}${NBSP}kW`,
    flow: (w) => `${number(2, 2)(Math.abs(w) / 1000)}${NBSP}kW`,
    energy: (kwh) => `${number(2, 2)(kwh)}${NBSP}kWh`,
    price_change: (pln) => `${number(2, 2, { style: 'currency', currency: 'PLN', signDisplay: 'exceptZero' })(pln)}/kWh`,
    price: (pln) => `${money(pln)}/kWh`,
    exact: number(4, 4),
    money,
    amount: (pln) => money(Math.abs(pln)),
    amountKwh: (pln) => `${number(4, 4, { style: 'currency', currency: 'PLN' })(Math.abs(pln))}/kWh`,
    percent: (value) => number(0, 1, { style: 'percent' })(value / 100),
    change: (value) => number(0, 1, { style: 'percent', signDisplay: 'exceptZero' })(value / 100),
    share: number(0, 0, { style: 'percent' }),
    temperature: (celsius) => `${number(1, 1)(celsius)}${NBSP}°C`,
    voltage: (volts) => `${number(1, 1)(volts)}${NBSP}V`,
    count: number(0, 0),
    decimal: number(0, 2),
    day: (text) => new Date(`${text}T12:00:00Z`).toLocaleDateString(locale, { timeZone: 'UTC', day: 'numeric', month: 'long', year: 'numeric' }),
    ms: (value) => `${number(0, 2)(value)}${NBSP}ms`,
    minutes: (value) => unit('minute', value, 1),
    hours: (value) => table(locale).duration(value * 3600),
    gap: (value) => table(locale).duration(Math.abs(value)),
    bytes: (value) => {
      if (value < 1000) return unit('byte', value, 0, 'long');
      const [size, name] = [[1e12, 'terabyte'], [1e9, 'gigabyte'], [1e6, 'megabyte'], [1e3, 'kilobyte']].find(([size]) => value >= size);
      return unit(name, value / size, 1);
    },
    duration: (seconds) => {
      const [name, size] = seconds >= 172_800 ? ['day', 86_400] : seconds >= 7_200 ? ['hour', 3_600] : seconds >= 120 ? ['minute', 60] : ['second', 1];
      return unit(name, Math.floor(seconds / size));
    },
  };
}

/** What a JSON pointer names (RFC 6901); undefined where there is nothing. */
export function pointed(body, pointer) {
  return pointer.split('/').slice(1).map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((value, key) => (value === null || value === undefined ? undefined : value[key]), body);
}

const shown = (page) => page.evaluate(() => [...document.querySelectorAll('[data-of]')].map((node) => ({
  of: node.dataset.of, as: node.dataset.as, isUnknown: 'unknown' in node.dataset, text: node.textContent,
})));

/** The figures of the page that say something else than the API, and how many there are with a value. */
export async function compare(page, house, language) {
  let found = await once(page, house, language);
  if (found.wrong.length) {
    // An answer may have changed between the page and us.
    await settled(page);
    found = await once(page, house, language);
  }
  return found;
}

async function once(page, house, language) {
  const formats = table(LOCALES[language]);
  const answers = new Map();
  const wrong = [];
  let known = 0;
  for (const [path, body] of page.answers) if (MOVING.test(path)) answers.set(path, { status: 200, body });
  for (const { of, as, isUnknown, text } of await shown(page)) {
    const [path, pointer] = of.split('#');
    const tell = (why) => wrong.push(`${of} as ${as}: the page says ${JSON.stringify(text)}, ${why}`);
    if (!formats[as]) { tell('and the tests know no such format'); continue; }
    if (!path) { if (text !== DASH || !isUnknown) tell('of nothing'); continue; }
    if (!answers.has(path)) answers.set(path, await house.api(path));
    const { status, body } = answers.get(path);
    const value = status === 200 ? pointed(body, pointer) : undefined;
    if (typeof value === 'number' || (as === 'day' && typeof value === 'string')) {
      known += 1;
      if (text !== unsigned(formats[as](value)) || isUnknown) tell(`the API ${value}, which is ${JSON.stringify(unsigned(formats[as](value)))}`);
    } else if (text !== DASH || !isUnknown) tell(`the API ${status} ${JSON.stringify(value)}`);
  }
  return { wrong, known };
}
