import { parse } from 'smol-toml';
import { expect, test } from 'vitest';
import { parseInstance } from '../../src/config/schema.js';
import type { askService } from '../../src/service/ask.js';
import { finishSavings } from '../../src/service/finish-savings.js';

const base = '[token]\nlabel="t"\nmodule="/m.so"\npin-file="/p"\n[nss]\ndatabase="/n"\n[issuer]\ntype="token"\ncertificate="ca"\n';
const placeWith = (extra: string) => ({
  instance: parseInstance('x', '/etc/hsmonger/x.toml', parse(base + extra)),
  directories: { config: '/c', state: '/s' },
});
const place = placeWith('[saving]\nrestart="pki.service"\n');
const ipa = placeWith('[pki]\nunit="pki.service"\n[directory]\nuri="ldapi://%2Frun%2Fx"\nbind="external"\nbase="dc=x"\nhost="a.x"\n');

interface Report {
  readonly restart?: string;
  readonly left?: readonly unknown[];
}
const report = (nickname: string, { restart, left = [] }: Report = {}) => ({
  ok: true,
  report: {
    nickname,
    steps: [],
    newCertificate: { serial: '01', notAfter: '', sha256: '' },
    removed: [],
    retained: 0,
    warnings: [],
    left,
    retryAfterSeconds: 240,
    ...(restart === undefined ? {} : { restart }),
  },
});
const failed = (nickname: string, code: string) => ({ ok: false, nickname, code, message: 'No token.', retryAfterSeconds: 120 });

/** systemd does not run here: what root would run, and what the service user is asked, is noted. */
function means(
  resumed: readonly unknown[],
  options: { readonly fails?: boolean; readonly pending?: { readonly count: number; readonly stop: boolean } } = {},
) {
  const done: string[] = [];
  return {
    done,
    ask: ((_place: unknown, task: string, input: { nickname?: string; serverRuns?: string } | undefined) => {
      done.push(`${task} ${input?.nickname ?? ''}`.trim());
      return Promise.resolve(task === 'resume saving' ? resumed : task === 'pending savings' ? options.pending : undefined);
    }) as unknown as typeof askService,
    run: (program: string, args: readonly string[]) => {
      done.push([program, ...args].join(' '));
      if (options.fails === true) return Promise.reject(new Error('no systemd'));
      return Promise.resolve({ exitCode: 0, stdout: args[0] === 'is-active' ? 'active\n' : '', stderr: '' });
    },
  };
}

const retry = (seconds: number) =>
  expect.stringMatching(
    new RegExp(
      `^systemd-run --unit=hsmonger-retry:x:\\S+ --on-active=${String(seconds)}s .*/hsmonger-post-save --resume --instance x --config-dir /c --state-dir /s$`,
      'u',
    ),
  ) as string;
const waiting = 'systemctl list-units --plain --no-legend --state=waiting hsmonger-retry:x:*.timer';
const abandoned = 'systemctl list-units --all --plain --no-legend hsmonger-server:x:*.timer';

test('interrupted savings that wait for a restart get one, and then are done; what fails for now gets a timer', async () => {
  const what = means([
    report('a', { restart: 'pki.service' }),
    report('b'),
    report('c', { restart: 'pki.service' }),
    failed('d', 'TOKEN_NOT_FOUND'),
  ]);
  const told: string[] = [];
  expect(
    await finishSavings(
      place,
      (sentence) => {
        told.push(sentence);
      },
      what,
    ),
  ).toBe(3);
  expect(what.done).toEqual(['resume saving', 'systemctl restart pki.service', 'finish saving a', 'finish saving c', waiting, retry(120)]);
  expect(told).toEqual([
    "Saving 'd' could not be finished: No token.",
    "Finished the interrupted saving of 'a'.",
    "Finished the interrupted saving of 'b'.",
    "Finished the interrupted saving of 'c'.",
  ]);
});

test('what only an administrator can mend gets no timer', async () => {
  const what = means([failed('d', 'KEY_MISMATCH')]);
  expect(await finishSavings(place, () => undefined, what)).toBe(0);
  expect(what.done).toEqual(['resume saving']);
});

test('a unit that cannot be restarted leaves them in the journal', async () => {
  const what = means([report('a', { restart: 'pki.service' })], { fails: true });
  await expect(finishSavings(place, () => undefined, what)).rejects.toThrow('no systemd');
  expect(what.done).not.toContain('finish saving a');
});

test('nothing interrupted, nothing restarted', async () => {
  const what = means([]);
  expect(await finishSavings(place, () => undefined, what)).toBe(0);
  expect(what.done).toEqual(['resume saving']);
});

test('nothing interrupted, no directory is opened and no server stopped', async () => {
  const what = means([], { pending: { count: 0, stop: false } });
  expect(await finishSavings(ipa, () => undefined, what)).toBe(0);
  expect(what.done).toEqual(['pending savings', abandoned]);
});

test('where the server has to be stopped it is, and started before anything is called finished', async () => {
  const what = means([report('a', { restart: 'pki.service' })], { pending: { count: 1, stop: true } });
  expect(await finishSavings(ipa, () => undefined, what)).toBe(1);
  expect(what.done).toEqual([
    'pending savings',
    'systemctl is-active pki.service',
    abandoned,
    expect.stringContaining('systemd-run --unit=hsmonger-server:x:'),
    'systemctl stop pki.service',
    'resume saving',
    'systemctl restart pki.service',
    expect.stringMatching(/^systemctl stop hsmonger-server:x:.*\.timer$/u),
    'finish saving a',
  ]);
});

test('a follow-up does not stop the server; once one is done the server is restarted, and what is left is told and gets a timer', async () => {
  const what = means([report('a', { restart: 'pki.service', left: [{ step: 'published', reason: 'The directory is away.' }] })], {
    pending: { count: 1, stop: false },
  });
  const told: string[] = [];
  expect(
    await finishSavings(
      ipa,
      (sentence) => {
        told.push(sentence);
      },
      what,
    ),
  ).toBe(0);
  expect(what.done).toEqual([
    'pending savings',
    'resume saving',
    abandoned,
    'systemctl is-active pki.service',
    'systemctl restart pki.service',
    'finish saving a',
    waiting,
    retry(240),
  ]);
  expect(told).toEqual([
    "The new certificate 'a' is in place, but 'published' is left and is tried again by itself: The directory is away.",
  ]);
});

test('without systemd a follow-up that is left is no failure: the next call does it', async () => {
  const what = means([report('a', { left: [{ step: 'published' }] })], { fails: true, pending: { count: 1, stop: false } });
  const told: string[] = [];
  expect(
    await finishSavings(
      ipa,
      (sentence) => {
        told.push(sentence);
      },
      what,
    ),
  ).toBe(0);
  expect(told).toHaveLength(2);
});
