import { userInfo } from 'node:os';
import { parse } from 'smol-toml';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { parseInstance } from '../../src/config/schema.js';
import { askService, patienceMs } from '../../src/service/ask.js';
import type { TaskName } from '../../src/service/tasks.js';
import { unanswered } from '../../src/service/unanswered.js';

afterEach(() => {
  vi.useRealTimers();
});

test('a worker that has ended is not waited for: the answer comes with no timer having gone off', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  const instance = { ...parseInstance('x', '/x.toml', parse(base)), user: userInfo().username };
  await expect(
    askService({ instance, directories: { config: '/nowhere', state: '/nowhere' } }, 'inspect token', { keys: false }),
  ).rejects.toThrow('/usr/lib/m.so');
});

test.each<[TaskName, number]>([
  ['make key', 30],
  ['make root', 30],
  ['request CA certificate', 30],
  ['issue on token', 30],
  ['issue certificates', 5],
  ['inspect token', 5],
])("'%s' has %i minutes: a smart card takes several to make a large RSA key", (task, minutes) => {
  expect(patienceMs(task)).toBe(minutes * 60_000);
});

const base =
  '[token]\nlabel="t"\nmodule="/usr/lib/m.so"\npin-file="/p"\n[nss]\ndatabase="/n"\n[issuer]\ntype="external"\ncertificate="ca"\n';
const directory = '[directory]\nuri="ldapi://%2Frun%2Fx"\nbind="external"\nbase="dc=x"\nhost="a.x"\n';
const module = /PKCS#11 module \/usr\/lib\/m\.so/u;
const state = /file system of \/s\/x hangs/u;
const server = /directory ldapi:\/\/%2Frun%2Fx/u;

describe('a task that gave no answer is said to have waited for what it works with, in one sentence', () => {
  test.each<[TaskName, string, string, readonly RegExp[], readonly RegExp[]]>([
    ['inspect token', directory, 'TOKEN_FAILED', [module], [/directory/u]],
    ['after saving', directory, 'TOKEN_FAILED', [module, server, /check both/u], []],
    ['resume saving', directory, 'TOKEN_FAILED', [module, server], []],
    ['pending savings', directory, 'TOKEN_FAILED', [module], [/directory/u]],
    ['look at servers', directory, 'DIRECTORY_UNAVAILABLE', [server], [/PKCS#11/u]],
    ['set renewal master', directory, 'DIRECTORY_UNAVAILABLE', [server], [/PKCS#11/u]],
    ['read CA certificates', directory, 'DIRECTORY_UNAVAILABLE', [server], [/PKCS#11/u]],
    ['after saving', '', 'TOKEN_FAILED', [module], [/directory/u]],
    ['issue certificates', directory, 'TOKEN_FAILED', [module], [/directory/u]],
    ['read ledger', directory, 'STATE_UNAVAILABLE', [state], [/PKCS#11/u, server]],
    ['list certificates', '', 'STATE_UNAVAILABLE', [state], [/PKCS#11/u]],
    ['write state parts', '', 'STATE_UNAVAILABLE', [state], [/PKCS#11/u]],
    ['make NSS database', '', 'NSS_FAILED', [/NSS database \/n hangs/u], [/PKCS#11/u]],
    ['inspect NSS database', '', 'TOKEN_FAILED', [module], []],
  ])("'%s' with %j: %s", (task, extra, code, says, never) => {
    const failure = unanswered(
      { task, instance: parseInstance('x', '/x.toml', parse(`${base}${extra}`)), directories: { config: '/c', state: '/s' } },
      'gave no answer within 300 seconds or was killed',
    );
    expect(failure.code).toBe(code);
    expect(failure.message).toMatch(
      new RegExp(
        `^The process working as user 'pkiuser' gave no answer within 300 seconds or was killed during '${task}', [^\\n]*\\.$`,
        'u',
      ),
    );
    expect(failure.message.match(/\. /gu)).toBeNull();
    for (const pattern of says) expect(failure.message).toMatch(pattern);
    for (const pattern of never) expect(failure.message).not.toMatch(pattern);
  });
});
