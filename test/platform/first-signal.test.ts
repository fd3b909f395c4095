import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { expect, it } from 'vitest';

const module = JSON.stringify(path.resolve(import.meta.dirname, '../../src/platform/first-signal.ts'));

/** A process that listens, with a child of execa's under way, and ends by itself so long after it heard. */
async function listening(lastsMs: number): Promise<ReturnType<typeof spawn>> {
  const script = `
    import { execa } from 'execa';
    import { onFirstSignal } from ${module};
    onFirstSignal('SIGTERM', () => {
      console.log('heard');
      setTimeout(() => { child.kill('SIGKILL'); }, ${String(lastsMs)});
    });
    const child = execa('sleep', ['60'], { reject: false });
    child.once('spawn', () => { console.log('ready'); });
    await child;
    console.log('in order');`;
  const listener = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    cwd: path.resolve(import.meta.dirname, '../..'),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(listener.stdout, 'data');
  return listener;
}

it('the first signal is heard and ends nothing else, though a child of execa runs', async () => {
  const child = await listening(500);
  let said = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  child.kill('SIGTERM');
  expect(await once(child, 'close')).toEqual([0, null]);
  expect(said).toBe('heard\nin order\n');
});

it('the second ends the process', async () => {
  const child = await listening(10_000);
  child.kill('SIGTERM');
  await once(child.stdout!, 'data');
  child.kill('SIGTERM');
  expect(await once(child, 'close')).toEqual([null, 'SIGTERM']);
});
