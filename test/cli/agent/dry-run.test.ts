import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { getcert } from '../../rig/certmonger.js';
import { startSite, type Site } from '../../rig/site.js';

let site: Site;

beforeAll(async () => {
  site = await startSite({ authority: { each: { daysLeft: 100 } } });
  await site.setUp();
});

afterAll(() => site.stop());

interface Line {
  readonly nickname: string;
  readonly planned: string;
  readonly from: string;
  readonly to: string;
  readonly after?: string;
  readonly by: string;
}

test('the calendar as a table, as JSON and as a picture, the same each time', async () => {
  const table = await site.cli('agent', '--dry-run');
  expect(table).toMatchObject({ exitCode: 0, stderr: '' });
  expect(table.stdout).toMatch(
    /^Renewals from \d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d\nPLANNED \(UTC\) +NICKNAME +PROFILE +EXPIRES +WINDOW FROM +TO +BEGUN BY\n/u,
  );
  expect(table.stdout.split('\n')[2]).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d {2}caSigningCert cert-pki-ca +caCACert .* agent$/u);
  const picture = path.join(site.directory, 'calendar.svg');
  const { exitCode, stdout } = await site.cli('agent', '--dry-run', '--json', '--picture', picture);
  expect(exitCode).toBe(0);
  const { entries, without } = JSON.parse(stdout) as { entries: readonly Line[]; without: readonly unknown[] };
  expect(without).toEqual([]);
  expect(entries.map(({ nickname }) => nickname).sort()).toEqual(site.authority.certificates.map(({ nickname }) => nickname).sort());
  const top = entries.find(({ nickname }) => nickname.startsWith('caSigningCert'))!;
  for (const { nickname, planned, to, by, after } of entries) {
    expect(Date.parse(planned)).toBeLessThanOrEqual(Date.parse(to));
    expect(by).toBe('agent');
    if (nickname !== top.nickname) expect([after, Date.parse(planned) > Date.parse(top.planned)]).toEqual([top.nickname, true]);
  }
  expect(readFileSync(picture, 'utf8')).toContain('caSigningCert cert-pki-ca');
  // The first line names today, which may be over by now.
  const lines = (all: string) => all.split('\n').slice(1);
  expect(lines((await site.cli('agent', '--dry-run')).stdout)).toEqual(lines(table.stdout));
});

test('what is not tracked has no place in it: 3', async () => {
  await getcert(site.bus, ['stop-tracking', '-i', 'hsmonger.ocspSigningCert_cert-pki-ca']);
  const { exitCode, stdout } = await site.cli('agent', '--dry-run');
  expect(exitCode).toBe(3);
  expect(stdout).toContain('ocspSigningCert cert-pki-ca: not in the calendar, certmonger does not track it.');
});

test('a picture alone is no daemon', async () => {
  const picture = path.join(site.directory, 'alone.svg');
  expect((await site.cli('agent', '--picture', picture)).exitCode).toBe(2);
  expect(existsSync(picture)).toBe(false);
});
