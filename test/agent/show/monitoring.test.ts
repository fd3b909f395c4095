import { execa } from 'execa';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { metricsOf } from '../../../src/agent/show/metrics/metrics.js';
import { privateDirectory, type PrivateDirectory } from '../../rig/directory.js';
import { snapshots } from './fixtures.js';

const packaged = (name: string) => path.resolve(import.meta.dirname, '../../../packaging', name);
const rules = packaged('prometheus/hsmonger.rules.yml');

let place: PrivateDirectory;
beforeEach(() => {
  place = privateDirectory('rules');
});
afterEach(() => {
  place.remove();
});

/** A server with its CA and one certificate: nothing of this calls anybody. */
const well: Readonly<Record<string, string>> = {
  hsmonger_snapshot_timestamp_seconds: '0+300x400',
  hsmonger_certmonger_up: '1x400',
  'hsmonger_certificate_not_after_timestamp_seconds{ca="hsmonger",certificate="ocsp"}': '9000000x400',
  'hsmonger_certificate_renewal_window_end_timestamp_seconds{ca="hsmonger",certificate="ocsp"}': '6000000x400',
  'hsmonger_certificate_state{ca="hsmonger",certificate="ocsp",state="MONITORING"}': '1x400',
  'hsmonger_token_reachable{ca="hsmonger",token="t"}': '1x400',
  'hsmonger_token_pin_state{ca="hsmonger",token="t",state="fine"}': '1x400',
  'hsmonger_token_login{ca="hsmonger",token="t",result="proven"}': '1x400',
  'hsmonger_token_sign_latency_seconds{ca="hsmonger",token="t"}': '0.1x400',
  'hsmonger_token_last_probe_timestamp_seconds{ca="hsmonger",token="t"}': '0+300x400',
  'hsmonger_reconcile_timestamp_seconds{ca="hsmonger"}': '0+300x400',
  'hsmonger_reconcile_refusals{ca="hsmonger"}': '0x400',
  'hsmonger_renewal_failures_total{ca="hsmonger",cause="token-away"}': '0x20 2x380',
};
const minutes = 1600;

/** Each alert, and the one series, other or more, that sets it off. */
const alarms: readonly (readonly [alert: string, series: string, values: string])[] = [
  ['HsmongerAgentSilent', 'hsmonger_snapshot_timestamp_seconds', '0+300x300 90000x100'],
  ['HsmongerCertmongerDown', 'hsmonger_certmonger_up', '0x400'],
  ['HsmongerCertificateExpired', 'hsmonger_certificate_not_after_timestamp_seconds{ca="hsmonger",certificate="ocsp"}', '90000x400'],
  ['HsmongerCertificateExpiring', 'hsmonger_certificate_not_after_timestamp_seconds{ca="hsmonger",certificate="ocsp"}', '500000x400'],
  ['HsmongerRenewalOverdue', 'hsmonger_certificate_renewal_window_end_timestamp_seconds{ca="hsmonger",certificate="ocsp"}', '100x400'],
  [
    'HsmongerCertificateProblem',
    'hsmonger_certificate_problem{ca="hsmonger",certificate="ocsp",cause="ca-rejected",severity="error"}',
    '1x400',
  ],
  ['HsmongerNotTracked', 'hsmonger_certificate_state{ca="hsmonger",certificate="audit",state="not tracked"}', '1x400'],
  ['HsmongerInstanceProblem', 'hsmonger_instance_problem{ca="hsmonger",cause="token-away",severity="critical"}', '1x400'],
  ['HsmongerTokenAway', 'hsmonger_token_reachable{ca="hsmonger",token="t"}', '0x400'],
  ['HsmongerPinTriesLow', 'hsmonger_token_pin_state{ca="hsmonger",token="t",state="final-try"}', '1x400'],
  ['HsmongerPinRefused', 'hsmonger_token_login{ca="hsmonger",token="t",result="no PIN"}', '1x400'],
  ['HsmongerTokenSlow', 'hsmonger_token_sign_latency_seconds{ca="hsmonger",token="t"}', '9x400'],
  ['HsmongerTokenNotLookedAt', 'hsmonger_token_last_probe_timestamp_seconds{ca="hsmonger",token="t"}', '60000x400'],
  ['HsmongerReconcileStale', 'hsmonger_reconcile_timestamp_seconds{ca="hsmonger"}', '60000x400'],
  ['HsmongerReconcileRefused', 'hsmonger_reconcile_refusals{ca="hsmonger"}', '1x400'],
  ['HsmongerRenewalsFail', 'hsmonger_renewal_failures_total{ca="hsmonger",cause="token-away"}', '0+1x400'],
];

const named = () => [...readFileSync(rules, 'utf8').matchAll(/alert: (\w+)/gu)].map(([, name]) => name ?? '');

/** Asks promtool whether, after more than a day of these series, just this alert fires. */
function unitTest(series: Readonly<Record<string, string>>, alert?: string): unknown {
  return {
    interval: '5m',
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    promql_expr_test: [
      {
        expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
        eval_time: `${String(minutes)}m`,
        exp_samples: alert === undefined ? [] : [{ labels: `{alertname="${alert}"}`, value: 1 }],
      },
    ],
  };
}

async function promtoolTest(tests: readonly unknown[]): Promise<{ exitCode: number | undefined; all: string }> {
  const file = path.join(place.path, 'test.yml');
  writeFileSync(file, JSON.stringify({ rule_files: [rules], evaluation_interval: '5m', tests }));
  const { exitCode, all } = await execa('promtool', ['test', 'rules', file], { reject: false, all: true });
  return { exitCode, all };
}

describe("Prometheus' rules", () => {
  it('are rules', async () => {
    expect((await execa('promtool', ['check', 'rules', rules])).stdout).toContain(`SUCCESS: ${String(alarms.length)} rules found`);
    expect(alarms.map(([alert]) => alert)).toEqual(named());
  });
  it('are silent where all is well, and each fires for what it is for, alone', async () => {
    expect(
      await promtoolTest([unitTest(well), ...alarms.map(([alert, series, values]) => unitTest({ ...well, [series]: values }, alert))]),
    ).toMatchObject({ exitCode: 0 });
  });
  it('and promtool would say if it were not so', async () => {
    const [[, series, values]] = alarms as [readonly [string, string, string]];
    expect(await promtoolTest([unitTest(well, 'HsmongerTokenAway')])).toMatchObject({ exitCode: 1 });
    expect(await promtoolTest([unitTest({ ...well, [series]: values })])).toMatchObject({
      exitCode: 1,
      all: expect.stringContaining('HsmongerAgentSilent') as string,
    });
  });
});

describe('every metric that is asked for is told', () => {
  const told = async () => {
    const [healthy, problems] = [await metricsOf(snapshots.healthy()), await metricsOf(snapshots.problems())];
    return new Set([...`${healthy}${problems}`.matchAll(/^([a-z_]+)\{?.* [-0-9.e+]+$/gmu)].map(([, name]) => name));
  };
  const asked = (text: string) => new Set([...text.matchAll(/\b(?:hsmonger|certmonger)_[a-z_]+\b/gu)].map(([name]) => name));

  it('by the rules', async () => {
    const names = await told();
    expect([...asked(readFileSync(rules, 'utf8'))].filter((name) => !names.has(name))).toEqual([]);
  });
  it('by the dashboard, whose panels do not lie on one another', async () => {
    const dashboard = JSON.parse(readFileSync(packaged('grafana/hsmonger.json'), 'utf8')) as {
      panels: { id: number; title: string; gridPos: { x: number; y: number; w: number; h: number }; targets: { expr: string }[] }[];
    };
    const names = await told();
    const expressions = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    expect([...asked(expressions.join('\n'))].filter((name) => !names.has(name))).toEqual([]);
    expect(expressions.length).toBeGreaterThan(15);
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_none, index) => `${String(x + (index % w))},${String(y + Math.floor(index / w))}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    // Grafana's variables stand for something first; then Prometheus says whether it is PromQL.
    const rulesOf = {
      groups: [
        {
          name: 'dashboard',
          rules: expressions.map((expr, index) => ({ record: `panel:${String(index)}`, expr: expr.replace(/\$__rate_interval/gu, '5m') })),
        },
      ],
    };
    const file = path.join(place.path, 'dashboard.yml');
    writeFileSync(file, JSON.stringify(rulesOf));
    expect((await execa('promtool', ['check', 'rules', file])).stdout).toContain('SUCCESS');
  });
  it('and the page about them has them all', async () => {
    const page = asked(readFileSync(path.resolve(import.meta.dirname, '../../../docs/metrics.md'), 'utf8'));
    expect([...(await told())].filter((name) => !page.has(name ?? ''))).toEqual([]);
  });
});
