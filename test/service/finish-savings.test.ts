import { parse } from 'smol-toml';
import { expect, test } from 'vitest';
import { parseInstance } from '../../src/config/schema.js';
import type { askService } from '../../src/service/ask.js';
import { finishSavings } from '../../src/service/finish-savings.js';

const instance = parseInstance('x', '/etc/hsmonger/x.toml', parse('[token]\nlabel="t"\nmodule="/m.so"\npin-file="/p"\n[nss]\ndatabase="/n"\n[issuer]\ntype="token"\ncertificate="ca"\n[saving]\nrestart="pki.service"\n'));
const place = { instance, directories: { config: '/c', state: '/s' } };
const report = (nickname: string, restart?: string) => ({ ok: true, report: { nickname, steps: [], newCertificate: { serial: '01', notAfter: '', sha256: '' }, removed: [], warnings: [], ...(restart === undefined ? {} : { restart }) } });

/** systemd does not run here: what root would run, and what the service user is asked, is noted. */
function means(resumed: readonly unknown[], fails = false) {
  const done: string[] = [];
  return {
    done,
    ask: ((_place: unknown, task: string, input: { nickname?: string } | undefined) => {
      done.push(`${task} ${input?.nickname ?? ''}`.trim());
      return Promise.resolve(task === 'resume saving' ? resumed : undefined);
    }) as unknown as typeof askService,
    run: (program: string, args: readonly string[]) => {
      done.push([program, ...args].join(' '));
      return fails ? Promise.reject(new Error('no systemd')) : Promise.resolve({ exitCode: 0, stdout: '', stderr: '' });
    },
  };
}

test('interrupted savings that wait for a restart get one, and then are done', async () => {
  const what = means([report('a', 'pki.service'), report('b'), report('c', 'pki.service'), { ok: false, nickname: 'd', code: 'TOKEN_NOT_FOUND', message: 'No token.' }]);
  const told: string[] = [];
  expect(await finishSavings(place, (sentence) => { told.push(sentence); }, what)).toBe(3);
  expect(what.done).toEqual(['resume saving', 'systemctl restart pki.service', 'finish saving a', 'finish saving c']);
  expect(told).toEqual(["Saving 'd' could not be finished: No token.", "Finished the interrupted saving of 'a'.", "Finished the interrupted saving of 'b'.", "Finished the interrupted saving of 'c'."]);
});

test('a unit that cannot be restarted leaves them in the journal', async () => {
  const what = means([report('a', 'pki.service')], true);
  await expect(finishSavings(place, () => undefined, what)).rejects.toThrow('no systemd');
  expect(what.done).not.toContain('finish saving a');
});

test('nothing interrupted, nothing restarted', async () => {
  const what = means([]);
  expect(await finishSavings(place, () => undefined, what)).toBe(0);
  expect(what.done).toEqual(['resume saving']);
});
