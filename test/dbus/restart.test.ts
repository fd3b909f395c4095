import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectCertmonger, type Certmonger } from '../../dbus/certmonger.js';
import type { Change } from '../../dbus/changes.js';
import { waitForRequest } from '../../dbus/wait.js';
import { openLaboratory, type Laboratory } from './laboratory.js';

let lab: Laboratory;
let certmonger: Certmonger;

beforeAll(async () => {
  lab = await openLaboratory();
  certmonger = await connectCertmonger(lab.bus.address);
});

afterAll(async () => {
  certmonger.disconnect();
  await lab.close();
});

const resting = (nickname: string) =>
  waitForRequest(certmonger, nickname, (each) => (each.status === 'MONITORING' ? each : undefined), { timeoutMs: 30_000 });

describe('a client that outlives the daemon', () => {
  it('finds its request again after kill -9 and a restart, under another path, and hears its signals', async () => {
    await certmonger.addRequest(lab.requestFor('auditSigningCert cert-pki-ca', 'audit', 'local'));
    // One after the other: while one of its children logs in, SoftHSM shows another no token.
    await resting('audit');
    await certmonger.addRequest(lab.requestFor('ocspSigningCert cert-pki-ca', 'ocsp', 'local'));
    const before = await resting('ocsp');
    await certmonger.request('audit').remove();
    const changes: Change[] = [];
    const stop = await certmonger.onChange((change) => changes.push(change));

    await lab.daemon.kill('SIGKILL');
    await expect(certmonger.running()).resolves.toBe(false);
    await expect(certmonger.request('ocsp').read()).rejects.toMatchObject({
      code: 'CERTMONGER_UNAVAILABLE',
      message: expect.stringContaining('systemctl start certmonger') as string,
    });
    await expect(certmonger.listRequests()).rejects.toMatchObject({ code: 'CERTMONGER_UNAVAILABLE' });

    await lab.daemon.restart();
    await expect(certmonger.running()).resolves.toBe(true);
    const after = await resting('ocsp');
    expect(after.path).not.toBe(before.path);
    expect(after.certificate).toMatchObject({ serial: before.certificate.serial });
    expect(changes.filter(({ kind }) => kind === 'daemon')).toEqual([
      { kind: 'daemon', running: false },
      { kind: 'daemon', running: true },
    ]);

    await certmonger.request('ocsp').resubmit();
    await waitForRequest(
      certmonger,
      'ocsp',
      (each) => (each.status === 'MONITORING' && each.certificate.serial !== before.certificate.serial ? each : undefined),
      { timeoutMs: 50_000 },
    );
    expect(changes).toContainEqual({ kind: 'saved', path: after.path });
    stop();
  });

  it('waits through a restart', async () => {
    const waiting = waitForRequest(
      certmonger,
      'ocsp',
      (each) => (each.postSaveCommand === '/bin/true changed' ? each.nickname : undefined),
      { timeoutMs: 30_000 },
    );
    await lab.daemon.kill('SIGKILL');
    await lab.daemon.restart();
    await certmonger.request('ocsp').modify({ postSaveCommand: '/bin/true changed' });
    await expect(waiting).resolves.toBe('ocsp');
  });

  it('gives up a wait that leads nowhere, saying where it stood', async () => {
    await expect(waitForRequest(certmonger, 'ocsp', () => undefined, { timeoutMs: 300 })).rejects.toMatchObject({
      code: 'BUS_TIMEOUT',
      message: expect.stringContaining('its state was MONITORING') as string,
    });
  });

  it('reports a daemon that hangs as a timeout and goes on when it wakes', async () => {
    const impatient = await connectCertmonger(lab.bus.address, { readTimeoutMs: 300 });
    process.kill(lab.daemon.pid, 'SIGSTOP');
    try {
      await expect(impatient.listRequests()).rejects.toMatchObject({ code: 'BUS_TIMEOUT' });
    } finally {
      process.kill(lab.daemon.pid, 'SIGCONT');
    }
    await expect
      .poll(
        () =>
          impatient.listRequests().then(
            (all) => all.length,
            () => 0,
          ),
        { timeout: 20_000 },
      )
      .toBe(1);
    impatient.disconnect();
  });

  it('tells a daemon that died with the call on the way', async () => {
    process.kill(lab.daemon.pid, 'SIGSTOP');
    const call = certmonger.request('ocsp').read();
    setTimeout(() => void lab.daemon.kill('SIGKILL'), 100);
    await expect(call).rejects.toMatchObject({
      code: 'CERTMONGER_UNAVAILABLE',
      message: expect.stringContaining('ended before it answered') as string,
    });
    await lab.daemon.restart();
  });

  it('rejects the wait and every later call when the bus itself goes', async () => {
    const waiting = waitForRequest(certmonger, 'ocsp', () => undefined, { timeoutMs: 60_000 }).catch((error: unknown) => error);
    await certmonger.listRequests();
    const closed = once(certmonger.closed, 'abort');
    const start = Date.now();
    await lab.bus.stop();
    await closed;
    await expect(waiting).resolves.toMatchObject({ code: 'BUS_UNAVAILABLE' });
    expect(Date.now() - start).toBeLessThan(20_000);
    await expect(certmonger.listRequests()).rejects.toMatchObject({ code: 'BUS_UNAVAILABLE' });
  });
});
