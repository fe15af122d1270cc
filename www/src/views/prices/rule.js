// The server's sentence of how a day's prices are made, in the reader's language. The tariff's name is the site's.
import { make, named, said, siteText, t, timeOf } from '../../kit.js';

/** `g12w of the config: Monday, working day; off_peak 00:00-06:00 and 22:00-24:00, peak 06:00-22:00`. */
const TARIFF = /^(.+?)( of the config)?: ((?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day.*)$/s;
const ZONE = /^(\S+) (all day|\d\d:\d\d-\d\d:\d\d(?: and \d\d:\d\d-\d\d:\d\d)*)$/;

/** @param {string} rule @returns {(Node | string)[]} */
export function ruleOf(rule) {
  if (!rule) return [t('common.unknown')];
  const [, name, config, rest] = TARIFF.exec(rule) ?? [];
  if (!name || !rest) return [said(rule)];
  const sentences = rest.split('; ').flatMap((sentence) => ['; ', ...sentence.split(', ').flatMap((part) => [', ', partOf(part)]).slice(1)]);
  return [siteText(name), ...(config ? [` ${t('prices.rule_config')}`] : []), ': ', ...sentences.slice(1)];
}

/** @param {string} part @returns {Node} */
function partOf(part) {
  const [, zone, hours] = ZONE.exec(part) ?? [];
  if (!zone || !hours) return said(part);
  return make('span', `${named('prices', 'zone', zone)} `, hours === 'all day' ? t('prices.all_day')
    : hours.split(' and ').map((span) => span.split('-').map((clock) => timeOf(`2000-01-01T${clock}`)).join('\u2013')).join(` ${t('prices.and')} `));
}
