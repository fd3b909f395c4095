import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Instance } from '../../src/config/instance.js';
import type { SaveReport } from '../../src/renewal/save.js';
import { mayGo, type Pruning } from '../../src/renewal/pruning.js';
import { subsystem } from './saving-rig.js';
import { server, serverRig, type ServerRig } from './server-rig.js';

// Each test starts a dozen processes; on a busy machine that takes its time.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

describe('a superseded certificate on the token', () => {
  const since = new Date('2026-01-01T00:00:00Z');
  const after = (days: number) => new Date(since.getTime() + days * 86_400_000);
  test.each<[Pruning, number, number | undefined, boolean]>([
    ['at once', 0, undefined, true],
    ['after the grace time', 6.99, undefined, false],
    ['after the grace time', 7, undefined, true],
    ['after the grace time', 2, 2, true],
    ['after the grace time', 0, 0, true],
    ['never', 5000, 0, false],
    ['unknown', 5000, 0, false],
  ])("goes '%s': %d days later, with a grace time of %s, %s", (pruning, days, grace, goes) => {
    expect(mayGo(pruning, since, after(days), grace)).toBe(goes);
  });
});

describe('on a token that two servers share', () => {
  let rig: ServerRig;
  let days = 600;
  beforeAll(async () => {
    rig = await serverRig({ hosts: ['ca1.example.test', 'ca2.example.test'] });
  });
  afterAll(async () => {
    await rig.stop();
  });

  const replica = (): Partial<Instance> => ({ directory: { ...rig.instance.directory!, host: 'ca2.example.test' } });
  const graceOver: Partial<Instance> = { saving: { guardMinutes: 15, graceDays: 0 } };
  const named = async (where: 'token' | 'internal') => (await rig.listed())[where].filter((line) => line.includes(subsystem)).length;

  async function renewed(change: Partial<Instance>): Promise<SaveReport> {
    await rig.act({ action: 'before', nickname: subsystem }, change);
    const der = await rig.renew(subsystem, { daysLeft: (days += 10) });
    await rig.copyToDatabase(subsystem, der);
    const answer = await rig.act({ action: 'after', nickname: subsystem }, change);
    if ('code' in answer) throw new Error(answer.message);
    await rig.act({ action: 'finish', nickname: subsystem }, change);
    return answer.value as SaveReport;
  }

  test('a replica removes nothing from it, whatever the time; its own database is its own', async () => {
    expect(await renewed(replica())).toMatchObject({ retained: 1, removed: [], warnings: [], left: [] });
    expect(await named('token')).toBe(2);
    expect(await named('internal')).toBe(1);
    const over = { ...replica(), ...graceOver };
    expect(await rig.act({ action: 'pending' }, over)).toEqual({ value: { count: 1, stop: false } });
    expect(await rig.act({ action: 'resume' }, over)).toEqual({ value: [] });
    expect(await named('token')).toBe(2);
  });

  test('the renewal master waits for the grace time, then finishing what is left removes them, and only them', async () => {
    const keys = await rig.objects('privkey');
    expect(await renewed({})).toMatchObject({ retained: 2, removed: [], left: [] });
    expect(await named('token')).toBe(3);
    expect(await named('internal')).toBe(1);
    expect(await rig.act({ action: 'pending' })).toEqual({ value: { count: 0, stop: false } });
    expect(await rig.act({ action: 'resume' })).toEqual({ value: [] });
    expect(await named('token')).toBe(3);

    expect(await rig.act({ action: 'pending' }, graceOver)).toEqual({ value: { count: 1, stop: false } });
    expect(await rig.act({ action: 'resume' }, graceOver)).toEqual({ value: [] });
    expect(await named('token')).toBe(1);
    expect(await rig.objects('privkey')).toEqual(keys);
    expect(await rig.act({ action: 'pending' }, graceOver)).toEqual({ value: { count: 0, stop: false } });
  });

  test('nobody who cannot ask the directory removes any', async () => {
    await rig.ds.kill(1);
    try {
      expect(await renewed(graceOver)).toMatchObject({ retained: 1, removed: [], left: [{ step: 'users updated' }] });
      expect(await named('token')).toBe(2);
    } finally {
      await rig.ds.start(1);
    }
    expect(await rig.act({ action: 'resume' }, graceOver)).toMatchObject({ value: [{ ok: true, report: { left: [] } }] });
    await rig.act({ action: 'finish', nickname: subsystem });
    expect(await rig.act({ action: 'resume' }, graceOver)).toEqual({ value: [] });
    expect(await named('token')).toBe(1);
  });

  test("what lies in the database alone is each server's own", async () => {
    await rig.act({ action: 'before', nickname: server }, replica());
    await rig.renewServer();
    expect(await rig.act({ action: 'after', nickname: server }, replica())).toMatchObject({ value: { retained: 0, removed: [{}] } });
    expect((await rig.listed()).internal.filter((line) => line.startsWith(server))).toHaveLength(1);
  });
});
