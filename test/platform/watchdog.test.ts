import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startWatchdog } from '../../src/platform/watchdog.js';
import { privateDirectory } from '../rig/directory.js';

const scratch = privateDirectory();
const file = path.join(scratch.path, 'watchdog.json');

// What it does to a process that blocks is shown on the built helper: test/helpers/submit.test.ts.
describe('the watchdog', () => {
  beforeEach(() => {
    vi.stubEnv('HSMONGER_FRONT', undefined);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });
  afterAll(() => {
    scratch.remove();
  });

  it('leaves its note while the work lasts, dated when the time is over', () => {
    const before = Date.now();
    const watchdog = startWatchdog(100, file, 'the HSM hangs');
    const { at, message } = JSON.parse(readFileSync(file, 'utf8')) as { at: string; message: string };
    expect(message).toBe('the HSM hangs');
    expect(Date.parse(at) - before).toBeGreaterThanOrEqual(100_000);
    watchdog.stop();
    expect(existsSync(file)).toBe(false);
  });

  it('does not hide the note of a process that was ended', () => {
    writeFileSync(file, 'left behind');
    const watchdog = startWatchdog(100, file, 'another');
    expect(readFileSync(file, 'utf8')).toBe('left behind');
    watchdog.stop();
    expect(existsSync(file)).toBe(false);
  });

  it('does its work without a place for the note', () => {
    expect(() => {
      startWatchdog(100, '/nonexistent/watchdog.json', 'x').stop();
    }).not.toThrow();
  });

  it('tells the shell in front who it is and how long it may take', () => {
    const module = path.resolve(import.meta.dirname, '../../src/platform/watchdog.ts');
    const { output } = spawnSync(
      process.execPath,
      [
        '--import',
        'tsx',
        '-e',
        `import(${JSON.stringify(module)}).then((m) => { m.startWatchdog(7, ${JSON.stringify(file)}, 'x').stop(); process.stdout.write(String(process.pid)); });`,
      ],
      {
        env: { PATH: process.env['PATH'], HSMONGER_FRONT: '1' },
        stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
        encoding: 'utf8',
      },
    );
    expect(output[3]).toBe(`${output[1] ?? ''} 7\n`);
  });
});
