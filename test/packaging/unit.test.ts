import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { run } from '../../src/platform/run.js';
import { privateDirectory } from '../rig/directory.js';

const units = path.resolve(import.meta.dirname, '../../packaging/systemd');

test.each([
  ['hsmonger-agent.service', 'hsmonger-agent.service'],
  // A template is looked at through one of its instances.
  ['hsmonger-ocsp@.service', 'hsmonger-ocsp@root.service'],
])('systemd finds nothing wrong with the unit %s, and its exposure stays below 4', async (unit, name) => {
  const directory = privateDirectory();
  try {
    // The program is not installed where tests run; everything else is looked at as it is.
    const file = path.join(directory.path, name);
    writeFileSync(file, readFileSync(path.join(units, unit), 'utf8').replace(/^ExecStart=\S+/mu, 'ExecStart=/bin/true'));
    const verified = await run('systemd-analyze', ['verify', '--man=no', file]);
    expect(verified.stdout + verified.stderr).toBe('');
    const { stdout } = await run('systemd-analyze', ['security', '--offline=true', '--no-pager', file]);
    expect(Number(/Overall exposure level for \S+: (\d+\.\d+)/u.exec(stdout)?.[1])).toBeLessThan(4);
  } finally {
    directory.remove();
  }
});
