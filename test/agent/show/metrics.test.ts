import { execa } from 'execa';
import { describe, expect, it, test } from 'vitest';
import { metricsOf } from '../../../src/agent/show/metrics/metrics.js';
import { hostileName, now, snapshots } from './fixtures.js';

const lines = async (snapshot: ReturnType<typeof snapshots.healthy>) => (await metricsOf(snapshot)).split('\n');

describe('promtool has nothing against the names we chose', () => {
  it.each(Object.keys(snapshots) as (keyof typeof snapshots)[])('%s', async (name) => {
    const { stdout, stderr } = await execa('promtool', ['check', 'metrics'], {
      input: await metricsOf(snapshots[name](50)),
      reject: false,
    });
    const complaints = `${stdout}${stderr}`.trim().split('\n');
    // certmonger-exporter's own names, kept as its users' alerts have them.
    expect(
      complaints.filter((line) => !/^certmonger_(?:requests_total non-counter|request_key_issued_count non-histogram)/u.test(line)),
    ).toEqual([]);
    expect(complaints).toContain('certmonger_requests_total non-counter metrics should not have "_total" suffix');
  });
});

test("certmonger-exporter's metrics: its names, labels and values", async () => {
  const all = await lines(snapshots.healthy());
  const labels =
    'nickname="20240311111713",ca="IPA",storage_type="FILE",storage_location="/etc/pki/tls/certs/grafana.crt",storage_nickname="",storage_token=""';
  expect(all.filter((line) => line.includes(labels))).toEqual([
    `certmonger_request_ca_error{${labels}} 0`,
    `certmonger_request_key_issued_count{${labels}} 1`,
    `certmonger_request_last_checked_date_seconds{${labels}} ${String(now.getTime() / 1000 - 8640)}`,
    `certmonger_request_not_valid_after_date_seconds{${labels}} ${String(now.getTime() / 1000 + 430 * 86400)}`,
    `certmonger_request_not_valid_before_date_seconds{${labels}} ${String(now.getTime() / 1000 - 300 * 86400)}`,
    `certmonger_request_stuck{${labels}} 0`,
  ]);
  expect(all).toContain('certmonger_requests_total 7');
  expect(all).toContain('certmonger_enabled 1');
  expect(all.filter((line) => line.startsWith('certmonger_request_key_generated_date_seconds{'))).toHaveLength(6);
  expect(all.find((line) => line.startsWith('certmonger_request_stuck{nickname="hsmonger.ocsp'))).toContain(
    'storage_type="NSSDB",storage_location="/etc/pki/pki-tomcat/alias",storage_nickname="ocspSigningCert cert-pki-ca",storage_token="softhsm_token"',
  );
});

test('what is wrong is in them, with its cause, and whether certmonger is enabled only where somebody knows', async () => {
  const broken = snapshots.problems();
  const all = await lines({ ...broken, certmonger: { running: false } });
  for (const line of [
    'hsmonger_certificate_problem{ca="hsmonger",certificate="ocspSigningCert cert-pki-ca",cause="ca-rejected",severity="error"} 1',
    'hsmonger_instance_problem{ca="kra",cause="token-away",severity="critical"} 1',
    'hsmonger_token_reachable{ca="kra",token="kra_token"} 0',
    'hsmonger_token_pin_state{ca="hsmonger",token="softhsm_token",state="count-low"} 1',
    'hsmonger_certificate_state{ca="hsmonger",certificate="ocspSigningCert cert-pki-ca",state="CA_REJECTED"} 1',
    `hsmonger_certificate_remaining_seconds{ca="hsmonger",certificate="auditSigningCert cert-pki-ca"} ${String(-3 * 86400)}`,
    'hsmonger_renewal_failures_total{ca="hsmonger",cause="token-away"} 2',
    'hsmonger_certmonger_up 0',
    'hsmonger_signatures_total{ca="hsmonger"} 812',
  ])
    expect(all).toContain(line);
  expect(all.filter((line) => line.startsWith('certmonger_enabled'))).toEqual([]);
  // A token nobody looked at yet is not one that is away.
  expect((await lines(snapshots.hostile())).filter((line) => line.startsWith('hsmonger_token_reachable{'))).toEqual([]);
});

test('a nickname cannot make a line of its own', async () => {
  for (const line of await lines(snapshots.hostile()))
    expect(line).toMatch(/^(?:|# (?:HELP|TYPE) .*|(?:hsmonger|certmonger)_[a-z_]+(?:\{.*\})? -?[0-9.e+]+)$/u);
  expect(await metricsOf(snapshots.hostile())).toContain(hostileName.replace(/"/gu, '\\"').replace(/\n/gu, '\\n'));
});
