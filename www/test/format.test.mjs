// Numbers, times and durations in English, and the same digits as the API for every instant: no browser's clock comes in.
import './page.mjs';
import assert from 'node:assert/strict';
import { test } from 'node:test';

const { ago, dayOf, duration, formats, monthOf, shortDayOf, siteClock, timeOf, waitText, whenOf, yearOf } = await import('../src/kit/format.js');

const plain = (text) => text.replace(/[\u00a0\u202f]/g, ' ');

test('values of the API', () => {
  for (const [as, value, text] of [
    ['power', 1234, '1.23 kW'], ['power', -50, '-0.05 kW'], ['flow', -2500, '2.50 kW'], ['energy', 12.345, '12.35 kWh'], ['energy', 0, '0.00 kWh'],
    ['price', 0.5, 'PLN 0.50/kWh'], ['price', -0.123, '-PLN 0.12/kWh'], ['price', -0.004, 'PLN 0.00/kWh'], ['exact', 0.48235, '0.4824'], ['exact', -0.00001, '0.0000'], ['money', 1234.5, 'PLN 1,234.50'],
    ['percent', 94, '94%'], ['percent', 94.25, '94.3%'], ['change', 12.5, '+12.5%'], ['change', 0, '0%'], ['share', 0.734, '73%'],
    ['temperature', 21.06, '21.1 °C'], ['voltage', 230, '230.0 V'], ['count', 12345, '12,345'], ['ms', 0.5, '0.5 ms'],
    ['bytes', 0, '0 bytes'], ['bytes', 999, '999 bytes'], ['bytes', 1000, '1 kB'], ['bytes', 1_500_000, '1.5 MB'], ['bytes', 2e9, '2 GB'], ['bytes', -1_500_000, '-1.5 MB'], ['bytes', -7, '-7 bytes'],
  ]) assert.equal(plain(formats[as](value)), text, `${value} as ${as}`);
});

test('durations are told by their greatest unit', () => {
  for (const [seconds, text] of [[0, '0 secs'], [119, '119 secs'], [120, '2 mins'], [7199, '119 mins'], [7200, '2 hrs'], [172_799, '47 hrs'], [172_800, '2 days']]) {
    assert.equal(plain(duration(seconds)), text);
  }
});

test('nothing rounded to 0 has a minus', () => {
  for (const [as, value] of [['power', -3], ['energy', -0.004], ['price', -0.0049], ['exact', -0.00004], ['money', -0.001], ['temperature', -0.04], ['price_change', -0.001]]) {
    assert.equal(formats[as](value), formats[as](0), `${value} as ${as}`);
  }
  assert.notEqual(formats.money(-0.005), formats.money(0));
});

test('what begins soon is told to the minute', () => {
  for (const [seconds, text] of [[1, '1m'], [60, '1m'], [3540, '59m'], [3541, '1h'], [3600, '1h'], [21_420, '5h 57m']]) {
    assert.equal(plain(waitText(seconds)), text);
  }
});

test('ages are calm', () => {
  assert.equal(ago(9), ago(0));
  assert.equal(ago(10), ago(19));
  assert.notEqual(ago(20), ago(19));
  assert.match(ago(7_300), /^2 hr/);
  assert.match(ago(3 * 86_400), /^3 days/);
});

test('times are the digits that the API wrote, on both days that the clock is set, whatever the browser thinks', () => {
  for (const iso of ['2026-03-29T01:45:00+01:00', '2026-03-29T02:30:00', '2026-03-29T03:00:00+02:00', '2026-10-25T02:15:00+02:00', '2026-10-25T02:15:00+01:00', '2026-06-11T23:59:59.123456+02:00', '2026-01-01T00:00:00Z']) {
    assert.equal(timeOf(iso), iso.slice(11, 16));
    assert.equal(siteClock(iso).toISOString().slice(0, 19), iso.slice(0, 19));
  }
  assert.equal(dayOf('2026-11-23'), '23 November 2026');
  assert.equal(dayOf('2026-12-31T23:59:59+01:00'), '31 December 2026');
  assert.equal(monthOf('2026-11-01'), 'November 2026');
  assert.equal(yearOf('2026-01-01T00:15:00+01:00'), '2026');
  assert.match(shortDayOf('2026-11-23'), /^Mon,? 23 Nov$/);
  assert.match(whenOf('2026-11-23T05:30:59+01:00'), /^23 Nov 2026, 05:30$/);
});
