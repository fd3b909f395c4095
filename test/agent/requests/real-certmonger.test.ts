/** The request cache beside the real certmonger, with getcert as the witness of what there is. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { connectCertmonger } from '../../../dbus/certmonger.js';
import { linkCertmonger } from '../../../src/agent/certmonger-link.js';
import { createRequestCache, usualPace, type LiveRequestCache } from '../../../src/agent/requests/create-request-cache.js';
import { getcert, getcertRecords } from '../../rig/certmonger.js';
import { openLaboratory, type Laboratory } from '../../dbus/laboratory.js';

vi.setConfig({ testTimeout: 120_000 });

let lab: Laboratory;
let requestCache: LiveRequestCache;
let close: () => Promise<void>;
const lines: string[] = [];

beforeAll(async () => {
  lab = await openLaboratory();
  const end = new AbortController();
  const link = linkCertmonger(lab.bus.address, {}, (change) => {
    requestCache.heard(change);
  });
  requestCache = createRequestCache({
    certmonger: link,
    log: (_priority, line) => lines.push(line),
    signal: end.signal,
    pace: { ...usualPace, listMs: 2000 },
  });
  close = async () => {
    end.abort();
    await requestCache.ended;
    link.close();
  };
});
afterAll(async () => {
  await close();
  await lab.close();
});

/** Until cache and getcert agree on every request, its state, serial's end and CA. */
async function agrees(wanted: (statuses: Record<string, string | undefined>) => boolean): Promise<void> {
  let seen: unknown;
  for (const last = Date.now() + 60_000; Date.now() < last; await sleep(200)) {
    const records = await getcertRecords(lab.bus).catch(() => undefined);
    const shown = requestCache.requests();
    if (records === undefined || shown === undefined) continue;
    const witness = Object.fromEntries(
      [...records]
        .map(
          ([id, record]) =>
            [
              id,
              `${record.get('status') ?? ''} ${record.get('CA') ?? ''} ${String(Date.parse(record.get('expires') ?? '') || '')}`,
            ] as const,
        )
        .sort(),
    );
    const ours = Object.fromEntries(
      shown
        .map(
          ({ request }) =>
            [request.nickname, `${request.status} ${request.ca ?? ''} ${String(request.certificate.notAfter?.getTime() ?? '')}`] as const,
        )
        .sort(),
    );
    seen = { witness, ours };
    if (
      JSON.stringify(witness) === JSON.stringify(ours) &&
      wanted(Object.fromEntries(shown.map(({ request }) => [request.nickname, request.status])))
    )
      return;
  }
  throw new Error(`RequestCache and getcert do not agree: ${JSON.stringify(seen)} ${requestCache.trouble() ?? ''}`);
}

test('requests added, resubmitted and removed behind its back are seen, with the states in between', async () => {
  await agrees((statuses) => Object.keys(statuses).length === 0);
  const other = await connectCertmonger(lab.bus.address);
  await other.addRequest(lab.requestFor('auditSigningCert cert-pki-ca', 'audit', 'local'));
  // One after the other: while one of certmonger's children logs in, SoftHSM shows another no token.
  await agrees(({ audit }) => audit === 'MONITORING');
  // A whole resubmission may pass while the cache lets signals settle; a state that lasts is one it must have seen.
  await other.addRequest({ ...lab.requestFor('ocspSigningCert cert-pki-ca', 'ocsp', 'local'), preSaveCommand: '/bin/sleep 2' });
  other.disconnect();
  await agrees(({ audit, ocsp }) => audit === 'MONITORING' && ocsp === 'MONITORING');
  const before = requestCache.request('ocsp')?.request.certificate.serial;
  const states: string[] = [];
  const stop = requestCache.onChange((change) => {
    if (change.kind === 'request' && change.id === 'ocsp' && change.now !== undefined) states.push(change.now.request.status);
  });
  await getcert(lab.bus, ['resubmit', '-i', 'ocsp']);
  await agrees(({ ocsp }) => ocsp === 'MONITORING' && requestCache.request('ocsp')?.request.certificate.serial !== before);
  stop();
  expect(states.length).toBeGreaterThan(1);
  expect(states.some((status) => status !== 'MONITORING')).toBe(true);
  expect(requestCache.request('ocsp')?.trail.at(-1)?.status).toBe('MONITORING');
  await getcert(lab.bus, ['stop-tracking', '-i', 'audit']);
  await agrees((statuses) => Object.keys(statuses).join() === 'ocsp');
});

test('certmonger killed: no requests, then all of it again under new paths', async () => {
  const path = requestCache.request('ocsp')?.request.path;
  const running: boolean[] = [];
  const stop = requestCache.onChange((change) => {
    if (change.kind === 'certmonger') running.push(change.running);
  });
  await lab.daemon.kill('SIGKILL');
  await vi.waitFor(() => expect(requestCache.requests()).toBeUndefined(), { timeout: 20_000 });
  expect(requestCache.trouble()).toContain('systemctl start certmonger');
  await lab.daemon.restart();
  await agrees(({ ocsp }) => ocsp === 'MONITORING');
  expect(requestCache.request('ocsp')?.request.path).not.toBe(path);
  expect(running).toEqual([false, true]);
  stop();
});

test('certmonger that hangs and goes on: the cache goes on', async () => {
  process.kill(lab.daemon.pid, 'SIGSTOP');
  const asked = requestCache.refresh('ocsp');
  await sleep(500);
  process.kill(lab.daemon.pid, 'SIGCONT');
  await asked;
  await agrees(({ ocsp }) => ocsp === 'MONITORING');
});
