import { parse } from 'smol-toml';
import { expect, test } from 'vitest';
import type { Certmonger } from '../../../dbus/certmonger.js';
import { createFollower } from '../../../src/agent/follow/follower.js';
import type { DirectoryReport } from '../../../src/agent/follow/watcher-line.js';
import { parseInstance } from '../../../src/config/schema.js';
import { requestIds } from '../../../src/config/request-id.js';
import { keyFingerprint } from '../../../src/x509/public-key.js';
import { makeCertificate, makeKeys, now as today, pem } from '../../x509/material.js';

test('certmonger is asked after its pauses, whatever the watcher names next and whoever it says is the master', async () => {
  const instance = parseInstance(
    'x',
    '/x.toml',
    parse(
      '[token]\nlabel="t"\nmodule="/m.so"\npin-file="/p"\n[nss]\ndatabase="/n"\n[issuer]\ntype="external"\ncertificate="ca"\n[[certificate]]\nnickname="ocsp"\nprofile="caOCSPCert"\n',
    ),
  );
  const keys = await makeKeys('p256');
  let held = await makeCertificate({ keys });
  let [refreshed, proven] = [0, 0];
  const certmonger = {
    listRequests: () =>
      Promise.resolve([
        {
          nickname: requestIds(instance).get('ocsp'),
          ca: 'x',
          status: 'CA_WORKING',
          key: { pinFile: '/p' },
          certificate: { pem: pem(held.der) },
        },
      ]),
    request: () => ({
      refresh: () => {
        refreshed += 1;
        return Promise.resolve(true);
      },
    }),
  } as unknown as Certmonger;
  let now = 0;
  const lines: string[] = [];
  const follower = createFollower(
    instance,
    (_priority, message) => lines.push(message),
    () => {
      proven += 1;
      return Promise.resolve();
    },
    () => now,
  );
  const report = (count: number, renewalMaster = false): DirectoryReport => ({
    kind: 'report',
    why: 'push',
    renewalMaster,
    unfinished: 0,
    published: [
      {
        nickname: 'ocsp',
        key: keyFingerprint(keys.spki),
        certificate: count.toString(16).padStart(64, '0'),
        missed: false,
        notAfter: new Date(today.getTime() + 1e11 + count),
      },
    ],
  });
  for (let count = 0; count < 100; count += 1) await follower.follow(certmonger, report(count, count % 2 === 1));
  // Each time with the PIN proven before.
  expect([refreshed, proven, lines.length]).toEqual([1, 1, 1]);
  now = 31_000;
  await follower.follow(certmonger, report(200));
  expect([refreshed, proven]).toEqual([2, 2]);
  held = await makeCertificate({ keys, notAfter: new Date(today.getTime() + 2e11) });
  await follower.follow(certmonger, report(200));
  expect(lines.at(-1)).toMatch(/certmonger has the certificate that expires/u);
});
