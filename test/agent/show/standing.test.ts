import { expect, it, test } from 'vitest';
import { html } from '../../../src/agent/show/page/html.js';
import { scaleFor } from '../../../src/agent/show/page/scale.js';
import { standingOf, verdictOf } from '../../../src/agent/show/page/standing.js';
import { distance } from '../../../src/agent/show/page/time.js';
import { certificate, diagnoses, now, snapshots } from './fixtures.js';

const later = (days: number) => new Date(now.getTime() + days * 86_400_000);

it.each([
  ['MONITORING', {}, 'good In order'],
  ['CA_WORKING', {}, 'busy Renewing'],
  ['NEED_CSR_GEN_PIN', {}, 'warn Waiting'],
  ['CA_UNREACHABLE', {}, 'warn Waiting'],
  ['not tracked', {}, 'warn Not tracked'],
  ['unknown', {}, 'unclear Unknown'],
  ['MONITORING', { left: 0 }, 'bad Expired'],
  ['MONITORING', { diagnosis: diagnoses.unreachable }, 'warn Being healed'],
  ['MONITORING', { diagnosis: diagnoses.tokenAway }, 'bad Being healed'],
  ['CA_REJECTED', { diagnosis: diagnoses.refused }, 'bad Needs you'],
] as const)('%s, %j: %s', (state, change, expected) => {
  const { tone, word } = standingOf(certificate('x', { ...change, state }), now);
  expect(`${tone} ${word}`).toBe(expected);
});

test('the page in a sentence', () => {
  const [healthy, problems] = [snapshots.healthy(), snapshots.problems()];
  const [instance] = healthy.instances;
  const withThese = (...certificates: ReturnType<typeof certificate>[]) => ({ ...healthy, instances: [{ ...instance!, certificates }] });
  expect(verdictOf(healthy)).toEqual({ tone: 'good', sentence: 'All 6 certificates are in order.' });
  expect(verdictOf(problems).tone).toBe('bad');
  expect(verdictOf(withThese(certificate('x')))).toEqual({ tone: 'good', sentence: 'The certificate is in order.' });
  expect(verdictOf(withThese(certificate('x', { state: 'SUBMITTING' }), certificate('y')))).toEqual({
    tone: 'busy',
    sentence: '1 of 2 certificates is being renewed.',
  });
  expect(verdictOf(withThese(certificate('x', { diagnosis: diagnoses.unreachable })))).toEqual({
    tone: 'warn',
    sentence: '1 of 1 certificate needs attention.',
  });
  expect(verdictOf({ ...healthy, instances: [{ ...instance!, diagnoses: [diagnoses.pinBad] }] }).tone).toBe('bad');
  expect(verdictOf({ ...healthy, certmonger: { running: false } }).tone).toBe('unclear');
  expect(verdictOf(snapshots.empty()).tone).toBe('bad');
});

test('the time line is as long as most need, in steps that can be read, with today a fifth from its beginning', () => {
  for (const [ahead, end] of [
    [[10, 20, 30], 92],
    [[80, 90, 100, 340, 7000], 366],
    [[80, 90, 340, 7000], 366],
    [[7000], 7320],
    [[], 732],
    [[100_000], 7320],
  ] as const) {
    const scale = scaleFor(now, ahead.map(later));
    expect(scale.to).toEqual(later(end));
    expect(scale.at(now)).toBeCloseTo(20);
    expect(scale.ticks.length).toBeGreaterThan(2);
    expect(scale.ticks.length).toBeLessThan(16);
  }
});

it.each([
  [0, 'now'],
  [0.5 / 86_400, 'now'],
  [45 / 86_400, 'in 45 seconds'],
  [-1.5 / 24, '90 minutes ago'],
  [-5 / 24, '5 hours ago'],
  [12.9, 'in 12 days'],
  [-1.9, '45 hours ago'],
  [150, 'in 4 months'],
  [800, 'in 2 years'],
])('%d days are %s', (days, words) => {
  expect(distance(now, later(days))).toBe(words);
});

test('what is put into a template is text, in any depth, unless it is markup itself', () => {
  const inner = html`<b title="${'"\''}">${'<i>'}</b>`;
  expect(html`<p>${[inner, ['&', undefined, 3]]}</p>`.text).toBe('<p><b title="&quot;&#39;">&lt;i&gt;</b>&amp;3</p>');
});
