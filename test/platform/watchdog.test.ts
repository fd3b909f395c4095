import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { privateDirectory } from '../rig/directory.js';

const scratch = privateDirectory();
afterAll(() => {
  scratch.remove();
});

const module = path.resolve(import.meta.dirname, '../../src/platform/watchdog.ts');
const note = path.join(scratch.path, 'watchdog.json');

function run(snippet: string): ReturnType<typeof spawnSync> {
  return spawnSync(process.execPath, ['--import', 'tsx', '-e', `import(${JSON.stringify(module)}).then((m) => { ${snippet} });`], { timeout: 20_000, encoding: 'utf8' });
}

describe('the watchdog', () => {
  it('ends a process whose main thread is blocked, and leaves the reason', () => {
    const { signal } = run(`m.startWatchdog(1, ${JSON.stringify(note)}, 'the HSM hangs'); const t = Date.now(); while (Date.now() - t < 15000);`);
    expect(signal).toBe('SIGKILL');
    expect(JSON.parse(readFileSync(note, 'utf8'))).toMatchObject({ message: 'the HSM hangs' });
  });

  it('lets a process that is done end', () => {
    expect(run(`m.startWatchdog(100, '/nonexistent', 'x');`)).toMatchObject({ status: 0, signal: null });
  });
});
