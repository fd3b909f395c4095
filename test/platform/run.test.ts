import { describe, expect, it } from 'vitest';
import { run } from '../../src/platform/run.js';

describe('a program we run', () => {
  it('gets words, not a shell line, and an environment of ours only', async () => {
    process.env['HSMONGER_LEAK'] = 'x';
    const { stdout } = await run('sh', ['-c', 'printf "%s|%s" "$1" "${HSMONGER_LEAK-none}"', 'sh', '$(id); `id`']);
    expect(stdout).toBe('$(id); `id`|none');
  });

  it('that fails is named with what it said', async () => {
    await expect(run('sh', ['-c', 'echo broken >&2; exit 3'])).rejects.toMatchObject({
      code: 'COMMAND_FAILED',
      message: 'sh failed (exit 3): broken.',
    });
  });

  it('is ended at its limit', async () => {
    await expect(run('sleep', ['30'], { timeoutMs: 200 })).rejects.toMatchObject({
      code: 'COMMAND_FAILED',
      message: 'sleep gave no answer in time.',
    });
  });

  it('that does not exist is one sentence', async () => {
    await expect(run('no-such-program', [])).rejects.toMatchObject({
      code: 'COMMAND_FAILED',
      message: expect.stringContaining('ENOENT') as string,
    });
  });
});
