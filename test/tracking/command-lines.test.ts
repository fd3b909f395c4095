import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectCertmonger } from '../../dbus/certmonger.js';
import { defaultDirectories } from '../../src/config/directories.js';
import { postSaveCommand, preSaveCommand, submitCommand } from '../../src/tracking/command-lines.js';
import { startBus, type PrivateBus } from '../rig/bus.js';
import { startCertmonger, type Certmonger } from '../rig/certmonger.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';

const instance = { name: 'hsmonger' };
const parts = { instance, directories: defaultDirectories, installation: { executables: '/usr/lib/hsmonger' } };

let directory: PrivateDirectory;
let bus: PrivateBus;
let certmonger: Certmonger;

beforeAll(async () => {
  directory = privateDirectory();
  bus = await startBus(directory.path);
  certmonger = await startCertmonger({ directory: directory.path, bus });
});

afterAll(async () => {
  await certmonger.stop();
  await bus.stop();
  directory.remove();
});

test('command lines carry the instance and the request, and the directories only where they are not the default', () => {
  expect(submitCommand(parts)).toBe('/usr/lib/hsmonger/hsmonger-submit --instance hsmonger');
  expect(preSaveCommand(parts, 'hsmonger.a_b')).toBe('/usr/lib/hsmonger/hsmonger-pre-save --instance hsmonger --request hsmonger.a_b');
  expect(postSaveCommand({ ...parts, directories: { config: '/etc/x', state: '/var/lib/hsmonger' } }, 'r')).toBe(
    '/usr/lib/hsmonger/hsmonger-post-save --instance hsmonger --request r --config-dir /etc/x',
  );
  expect(postSaveCommand({ ...parts, directories: { config: '/etc/hsmonger', state: '/srv/x y' } }, 'r')).toBe(
    "/usr/lib/hsmonger/hsmonger-post-save --instance hsmonger --request r --state-dir '/srv/x y'",
  );
});

test.each(["/it's", '/back\\slash', '/line\nbreak'])('a path certmonger cannot be told, %j, is refused', (executables) => {
  expect(() => submitCommand({ ...parts, installation: { executables } })).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID' }) as Error,
  );
});

test("certmonger's own parser gives the program the words that were meant", async () => {
  const executables = path.join(directory.path, 'with blank "and" $dollar;#');
  mkdirSync(executables);
  const state = '/no such "place" ~ *';
  const words = path.join(directory.path, 'words');
  writeFileSync(
    path.join(executables, 'hsmonger-submit'),
    `#!/bin/sh\n[ "$CERTMONGER_OPERATION" = IDENTIFY ] && printf '%s\\n' "$0" "$@" > '${words}'\nexit 6\n`,
    { mode: 0o755 },
  );
  const client = await connectCertmonger(bus.address);
  await client.addCa('words', submitCommand({ instance, directories: { ...defaultDirectories, state }, installation: { executables } }));
  client.disconnect();
  const expected = [path.join(executables, 'hsmonger-submit'), '--instance', 'hsmonger', '--state-dir', state, ''].join('\n');
  await expect.poll(() => read(words), { timeout: 10_000 }).toBe(expected);
});

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
