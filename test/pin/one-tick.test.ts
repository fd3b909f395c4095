/** A file written, looked at and written again within one tick of the kernel's clock is another file, for all who know it by its ctime. */
import type * as FileSystem from 'node:fs';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createRefusalWatch } from '../../src/agent/heal/refusal-watch.js';
import { startPinKeeper } from '../../src/agent/pin/keeper.js';
import { createEvents } from '../../src/agent/report/events.js';
import { parseInstance } from '../../src/config/schema.js';
import { readPin } from '../../src/pkcs11/pin/pin-source.js';
import { untilTick } from '../rig/coarse-clock.js';
import type { PrivateDirectory } from '../rig/directory.js';

vi.mock('node:fs', async (original) => {
  const { withCoarseClock } = await import('../rig/coarse-clock.js');
  return withCoarseClock(await original<typeof FileSystem>());
});

let directory: PrivateDirectory;
let file: string;
beforeEach(() => {
  // In memory, where an unlocked PIN has to be.
  directory = { path: mkdtempSync('/dev/shm/hsmonger-test-'), remove: () => rmSync(directory.path, { recursive: true }) };
  chmodSync(directory.path, 0o755);
  file = path.join(directory.path, 'pin');
});
afterEach(() => {
  directory.remove();
});

const write = (pin: string) => {
  writeFileSync(file, `${pin}\n`, { mode: 0o600 });
};
const instance = (pin: Readonly<Record<string, string>>) =>
  parseInstance('x', path.join(directory.path, 'x.toml'), {
    token: { label: 't', module: '/m.so', ...pin },
    nss: { database: '/n' },
    issuer: { type: 'external', certificate: 'ca' },
    certificate: [{ nickname: 'ocsp', profile: 'caOCSPCert' }],
  });

/** The first may be slow enough for a tick to pass by itself. */
const rounds = [1, 2, 3, 4];

it('the PIN that is written over a refused one of the same length has another identity', () => {
  const read = () => {
    const { pin, identity } = readPin({ from: 'file', path: file }, {}, { uid: 0, gid: 0 }, () => '');
    return { pin: pin.toString(), identity };
  };
  for (const round of rounds) {
    untilTick();
    write(`1${String(round)}`);
    const refused = read();
    write(`2${String(round)}`);
    const next = read();
    expect([refused.pin, next.pin]).toEqual([`1${String(round)}`, `2${String(round)}`]);
    expect(next.identity).not.toBe(refused.identity);
    expect(read()).toEqual(next);
  }
});

it('a PIN file written anew after a renewal was refused is a change of what is configured', async () => {
  const watch = createRefusalWatch({
    instance: instance({ 'pin-file': file }),
    ask: () => Promise.resolve(new Map()),
    onAnswer: () => undefined,
    now: () => 0,
  });
  const look = async (triedMs: number) => {
    watch.consider([{ nickname: 'ocsp', triedMs }], false);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    return watch.mended({ nickname: 'ocsp', triedMs });
  };
  for (const round of rounds) {
    untilTick();
    write('1234');
    expect(await look(round)).toBe(false);
    write('1235');
    expect(await look(round)).toBe(true);
  }
});

it('an unlocked PIN written over has the agent look at the token', async () => {
  for (const round of rounds) {
    let looks = 0;
    const stop = new AbortController();
    untilTick();
    write(`1${String(round)}`);
    const keeper = startPinKeeper(
      {
        instance: instance({ 'pin-unlock': file }),
        directories: { config: directory.path, state: directory.path },
        certmonger: { use: () => Promise.reject(new Error('It does not run here.')), close: () => undefined },
        prober: {
          latest: () => undefined,
          onProbe: () => () => undefined,
          look: () => {
            looks += 1;
            return Promise.resolve({ at: new Date() });
          },
          prove: () => Promise.resolve(),
          signatures: () => 0,
        },
        events: createEvents(),
        log: () => undefined,
        clock: () => new Date(),
        signal: stop.signal,
      },
      {},
    );
    await keeper.credentialPlaced();
    write(`2${String(round)}`);
    await vi.waitFor(() => expect(looks).toBeGreaterThan(0), 10_000);
    stop.abort();
    await keeper.ended;
  }
}, 60_000);
