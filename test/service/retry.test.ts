import { parse } from 'smol-toml';
import { afterEach, expect, test, vi } from 'vitest';
import { parseInstance } from '../../src/config/schema.js';
import { scheduleRetry } from '../../src/service/retry.js';

afterEach(() => {
  vi.restoreAllMocks();
});

test('why there is no timer is said', async () => {
  const said: string[] = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said.push(String(text));
    return true;
  });
  const instance = parseInstance(
    'x',
    '/x.toml',
    parse('[token]\nlabel="t"\nmodule="/m.so"\npin-file="/p"\n[nss]\ndatabase="/n"\n[issuer]\ntype="external"\ncertificate="ca"\n'),
  );
  expect(
    await scheduleRetry({ instance, directories: { config: '/c', state: '/s' } }, 60, () => Promise.reject(new Error('no systemd here'))),
  ).toBe(false);
  expect(said).toEqual([expect.stringMatching(/^hsmonger: No timer .*'x'.*no systemd here/u)]);
});
