import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectCertmonger, type Certmonger } from '../../../dbus/certmonger.js';
import { linkCertmonger } from '../../../src/agent/certmonger-link.js';
import { startRenewer } from '../../../src/agent/calendar/renewer.js';
import { loadInstance } from '../../../src/config/load.js';
import { startSite, type Site } from '../../rig/site.js';
import { handMadeCare, toldProber, until, wellProbe } from '../instances/hand-made-context.js';

let site: Site;
let client: Certmonger;

beforeAll(async () => {
  // Before certmonger would do anything, and before the helper lets a subordinate wait for its CA: only the order keeps renewals from being
  // refused.
  site = await startSite({ authority: { each: { daysLeft: 29 } } });
  await site.setUp();
  client = await connectCertmonger(site.bus.address);
});

afterAll(async () => {
  client.disconnect();
  await site.stop();
});

test('all are renewed before certmonger would, the CA first, with the keys they had', async () => {
  const keys = await site.privateKeys();
  const directories = { config: site.configDir, state: site.stateDir };
  const certmonger = linkCertmonger(site.bus.address, {}, () => undefined);
  const instance = loadInstance(directories, 'hsmonger');
  const tomorrow = () => new Date(Date.now() + 86_400_000);
  const made = handMadeCare({
    instance,
    directories,
    certmonger,
    prober: toldProber(wellProbe()),
    clock: tomorrow,
    list: () => client.listRequests(),
    everyMs: 500,
  });
  const renewer = startRenewer(made.context);
  try {
    await until('the calendar is there', () => renewer.calendar().length === site.authority.certificates.length);
    expect(renewer.calendar().filter(({ after }) => after !== undefined)).toHaveLength(site.authority.certificates.length - 1);
    await site.untilRenewed(150_000);
    await until(
      'it has said so of all',
      () => made.lines.filter((line) => line.endsWith('has its new certificate.')).length === site.authority.certificates.length,
      60_000,
    );
    expect(made.lines.filter((line) => !/is renewed now, as planned|has its new certificate/u.test(line))).toEqual([]);
    expect(made.lines[0]).toContain("'caSigningCert cert-pki-ca' is renewed now");
    // One after the other.
    expect(made.lines.map((line) => line.endsWith('has its new certificate.'))).toEqual(
      site.authority.certificates.flatMap(() => [false, true]),
    );
    expect(await site.privateKeys()).toEqual(keys);
    expect(renewer.calendar().every(({ planned }) => planned.getTime() > Date.now() + 300 * 86_400_000)).toBe(true);
  } finally {
    made.end();
    await renewer.ended;
    certmonger.close();
  }
}, 240_000);
