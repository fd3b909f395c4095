/**
 * The agent's part of a PIN that lies in memory. There is no systemd here that would hand out a credential: CREDENTIALS_DIRECTORY is set by
 * the test.
 */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { createEvents, type Events } from '../../src/agent/report/events.js';
import { pinFileOf } from '../../src/agent/heal/pin-file.js';
import { startPinKeeper, type PinKeeper } from '../../src/agent/pin/keeper.js';
import type { Instance, UnlockedPin } from '../../src/config/instance.js';
import { tokenOf } from '../../src/config/token-of.js';
import { prepareState } from '../../src/config/prepare-state.js';
import { parseInstance } from '../../src/config/schema.js';
import { besidePinFile } from '../../src/pkcs11/pin/pin-source.js';
import { changingPins, pinChanges, writePinChange } from '../../src/service/pin/change-journal.js';
import { lockedFor, permitUnlocking, placeUnlocked, wipeUnlocked } from '../../src/service/pin/unlocked-file.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { ensureServiceUser } from '../rig/service-user.js';
import { createSoftToken, type SoftToken } from '../rig/soft-token.js';

const owner = ensureServiceUser();
let scratch: PrivateDirectory;
let token: SoftToken;
let memory: string;
let credentials: string;
let instance: Instance;
let pin: UnlockedPin;
let directories: { readonly config: string; readonly state: string };
let events: Events;
let looks: number;
let asked: number;
let stop: AbortController;
let keeper: PinKeeper | undefined;

beforeAll(async () => {
  scratch = privateDirectory();
  token = await createSoftToken({ directory: scratch.path, owner });
});
afterAll(() => {
  scratch.remove();
});
beforeEach(() => {
  memory = mkdtempSync('/dev/shm/hsmonger-test-');
  chmodSync(memory, 0o755);
  credentials = path.join(memory, 'credentials');
  mkdirSync(credentials, { mode: 0o700 });
  directories = { config: path.join(scratch.path, 'etc'), state: mkdtempSync(path.join(scratch.path, 'state-')) };
  chmodSync(directories.state, 0o755);
  instance = configured('pin-credential = "hsm"');
  events = createEvents();
  looks = 0;
  asked = 0;
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await keeper?.ended;
  rmSync(memory, { recursive: true, force: true });
});

function configured(more: string): Instance {
  const path_ = path.join(memory, 'place', 'hsmonger.pin');
  pin = { from: 'unlocked', path: path_, instance: 'hsmonger' };
  const parsed = parseInstance('hsmonger', '/x', {
    user: owner.name,
    token: {
      label: token.label,
      module: token.module,
      environment: { ...token.environment },
      'pin-unlock': path_,
      ...(more === '' ? {} : { 'pin-credential': 'hsm' }),
    },
    nss: { database: '/' },
    issuer: { type: 'token', certificate: 'x' },
    agent: { 'probe-seconds': 3600 },
  });
  prepareState(directories, parsed, owner);
  return parsed;
}

function start(): PinKeeper {
  const prober = {
    latest: () => undefined,
    onProbe: () => () => undefined,
    look: () => {
      looks += 1;
      return Promise.resolve({ at: new Date() });
    },
    prove: () => Promise.resolve(),
    signatures: () => 0,
  };
  const certmonger = {
    use: () => {
      asked += 1;
      return Promise.reject(new Error('It does not run here.'));
    },
    close: () => undefined,
  };
  keeper = startPinKeeper(
    { instance, directories, certmonger, prober, events, log: () => undefined, clock: () => new Date(), signal: stop.signal },
    { credentials },
  );
  return keeper;
}
const told = () => events.recent().map(({ kind, details }) => `${kind} ${details?.['reason'] ?? ''}`);
async function until(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 30_000; !holds(); await sleep(20))
    if (Date.now() > end) throw new Error(`Not in time: ${JSON.stringify(events.recent())}`);
}
const credential = (text: string) => writeFileSync(path.join(credentials, 'hsm'), text, { mode: 0o400 });

it('the credential is proven and put in place for the service user alone, and nothing is told', async () => {
  credential(token.pin);
  // As the agent's unit has it.
  const umask = process.umask(0o077);
  try {
    await start().credentialPlaced();
  } finally {
    process.umask(umask);
  }
  expect(statSync(path.dirname(pin.path)).mode & 0o777).toBe(0o755);
  expect(readFileSync(pin.path, 'utf8')).toBe(`${token.pin}\n`);
  expect(statSync(pin.path)).toMatchObject({ uid: owner.uid, mode: 0o100400 });
  expect(told()).toEqual([]);
});

it('after a lock it stays away, for an agent started anew too, until somebody permits it', async () => {
  credential(token.pin);
  await start().credentialPlaced();
  await until(() => keeper?.locked() === undefined);
  wipeUnlocked(pin);
  await until(() => told().includes('locked lock'));
  expect(keeper?.locked()).toMatch(/^The PIN is locked: run 'hsmonger unlock'/u);
  stop.abort();
  await keeper?.ended;
  stop = new AbortController();
  await start().credentialPlaced();
  expect(existsSync(pin.path)).toBe(false);
  permitUnlocking(pin);
  await until(() => existsSync(pin.path));
  await until(() => told().at(-1) === 'unlocked unlock' && looks >= 2);
});

it('an unlocked PIN that proved bad is wiped for certmonger, and no agent puts the same credential there again, until somebody unlocks', async () => {
  credential(token.pin);
  await start().credentialPlaced();
  await until(() => keeper?.locked() === undefined && existsSync(pin.path));
  const file = pinFileOf({ instance, directories });
  expect(await file?.moveAside('file:of another')).toEqual({ result: 'changed' });
  expect(existsSync(pin.path)).toBe(true);
  expect(await file?.moveAside(file.identity() ?? '')).toEqual({ result: 'wiped' });
  expect(readdirSync(path.dirname(pin.path))).toEqual(['.hsmonger.pin.locked']);
  await until(() => told().at(-1) === 'locked refused');
  expect(keeper?.locked()).toMatch(/^The PIN is locked: the token refused the one in .*; run 'hsmonger unlock' with the right one\.$/u);
  stop.abort();
  await keeper?.ended;
  stop = new AbortController();
  await start().credentialPlaced();
  expect(existsSync(pin.path)).toBe(false);
  placeUnlocked(pin, Buffer.from(token.pin), owner);
  await until(() => told().at(-1) === 'unlocked unlock');
  expect(lockedFor(pin)).toBeUndefined();
});

it('a credential that the token refuses costs one attempt, however often it is looked at, until it is another', async () => {
  credential('wrong-97531');
  await start().credentialPlaced();
  await until(() => told().length === 1);
  expect(events.recent().at(-1)).toMatchObject({
    kind: 'locked',
    message: expect.stringMatching(/refused the PIN in the systemd credential 'hsm': one attempt is spent/u) as string,
  });
  stop.abort();
  await keeper?.ended;
  stop = new AbortController();
  await start().credentialPlaced();
  await until(() => told().length === 2);
  // Known bad by its tag in the memory of failed logins, though this agent has never tried it.
  expect(events.recent().at(-1)?.message).toMatch(/has refused the PIN in the systemd credential 'hsm' before/u);
  rmSync(path.join(credentials, 'hsm'));
  credential(token.pin);
  writeFileSync(path.join(path.dirname(pin.path), 'woken'), '');
  await until(() => existsSync(pin.path));
  await until(() => told().at(-1) === 'unlocked unlock');
});

it('without a credential it is told once that the PIN is locked, and at once when it is there', async () => {
  instance = configured('');
  await start().credentialPlaced();
  await until(() => told().length === 1);
  expect(told()).toEqual(['locked not-unlocked']);
  placeUnlocked(pin, Buffer.from(token.pin), owner);
  await until(() => told().length === 2 && looks === 1);
  expect(told()).toEqual(['locked not-unlocked', 'unlocked unlock']);
});

it('a change of the PIN whose command was killed is finished at the start, and certmonger is told', async () => {
  const file = path.join(memory, 'hsmonger.pin');
  const { old, next } = besidePinFile(file);
  for (const [name, text] of [
    [old, token.pin],
    [next, 'never-set-97531'],
  ] as const) {
    writeFileSync(name, `${text}\n`, { mode: 0o600 });
    chownSync(name, owner.uid, owner.gid);
  }
  const parsed = configured('');
  instance = { ...parsed, token: { ...tokenOf(parsed), pin: { from: 'file', path: file } } };
  await changingPins(directories, () =>
    Promise.resolve(writePinChange(directories, { instance: 'hsmonger', step: 'changing', files: [file] })),
  );
  // A command that is at it is not disturbed.
  await changingPins(directories, async () => {
    await start().credentialPlaced();
    expect(pinChanges(directories)).toHaveLength(1);
  });
  stop.abort();
  await keeper?.ended;
  stop = new AbortController();
  await start().credentialPlaced();
  expect(readFileSync(file, 'utf8')).toBe(`${token.pin}\n`);
  expect([existsSync(old), existsSync(next), pinChanges(directories).length, told().length]).toEqual([false, false, 0, 0]);
  expect(asked).toBe(1);
});
