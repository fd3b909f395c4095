import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HsmongerError } from '../errors.js';
import { createBell } from './bell.js';
import type { Query } from './directory.js';
import { lost } from './result-codes.js';
import { accessArguments, runTool, searchArguments, toolEnvironment, toolFailure, type ToolAccess } from './tools.js';

/** ldapsearch says nothing when the server has taken the search up: after this long it has. */
const settlingMs = 300;
const pulseMs = 15_000;

/** A persistent search by a child that lives as long as somebody listens. */
export async function* watchWithTool(access: ToolAccess, query: Query, signal: AbortSignal): AsyncGenerator<void, void> {
  if (signal.aborted) return;
  const what = `watching ${query.base}`;
  const bell = createBell();
  // Numbers, because 2.5's ldapsearch does not know the word "any": 15 all kinds of change, 1 changes only, 1 with what changed.
  const child = spawn(
    'ldapsearch',
    [...accessArguments(access), '-v', '-E', '!ps=15/1/1', ...searchArguments({ ...query, attributes: ['1.1'] })],
    {
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8', ...toolEnvironment(access) },
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let said = '';
  const bound = new Promise<void>((resolve) => {
    child.stderr.on('data', (chunk: Buffer) => {
      said = `${said}${chunk.toString()}`.slice(-2000);
      // -v: its last words before the search is sent.
      if (/^requesting:/mu.test(said)) resolve();
    });
    child.once('close', () => resolve());
  });
  child.once('error', (error) => bell.break(lost(what, error)));
  child.once('close', (code) => bell.break(code === null || code === 0 ? lost(what, 'the search ended') : toolFailure(code, what, said)));

  let asking = false;
  // At once, though nobody may be waiting for the next change.
  const stop = () => void child.kill('SIGKILL');
  signal.addEventListener('abort', stop, { once: true });
  const pulse = setInterval(() => {
    if (asking) return;
    asking = true;
    runTool(access, 'ldapsearch', searchArguments({ base: '', scope: 'base', attributes: ['1.1'] }), what).then(
      ({ exitCode, stderr }) => {
        asking = false;
        if (exitCode !== 0) bell.break(toolFailure(exitCode, what, stderr));
      },
      (error: unknown) => bell.break(error as HsmongerError),
    );
  }, pulseMs);
  pulse.unref();
  try {
    const late = sleep(access.timeoutMs, 'late', { ref: false });
    if ((await Promise.race([bound, late])) === 'late') throw lost(what, `nothing came within ${String(access.timeoutMs / 1000)} s`);
    await sleep(settlingMs);
    child.stdout.on('data', bell.ring);
    bell.ring();
    yield* bell.heard(signal);
  } finally {
    clearInterval(pulse);
    signal.removeEventListener('abort', stop);
    stop();
  }
}
