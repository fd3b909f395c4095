/**
 * Breaks what renewals need, one thing after the other, on a real system whose agent runs; each line says what must be seen, and be well
 * again once it is mended.
 */
import { chmodSync, chownSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runAs } from '../../rig/run-as.js';
import { startBreakSite, type BreakSite } from './rig.js';

vi.setConfig({ testTimeout: 400_000, hookTimeout: 300_000 });

/** Noticed within 10 s of the next probe, which is 5 s away here at most; the rest is for a loaded machine. */
const noticeMs = 60_000;
/** Within a minute, and a loaded machine's patience. */
const healMs = 120_000;

const victim = 'ocspSigningCert cert-pki-ca';

interface Break {
  readonly name: string;
  readonly break: (at: BreakSite) => void | Promise<void>;
  /** As certmonger meets it: a renewal is asked for, unless the break is there to be noticed without. */
  readonly renews?: boolean;
  readonly cause: string;
  readonly sentence: RegExp;
  readonly mend: (at: BreakSite) => void | Promise<void>;
  /** Attempts with a PIN that was refused, at most; none where not said. */
  readonly refusedLogins?: { readonly ours: number; readonly certmonger: number };
  /** Puts back what the next line wants. */
  readonly after?: (at: BreakSite) => void | Promise<void>;
}

const changePin = ({ site: { token, owner } }: BreakSite, from: string, to: string) =>
  runAs(
    owner,
    'pkcs11-tool',
    [
      '--module',
      '/usr/lib/softhsm/libsofthsm2.so',
      '--token-label',
      token.label,
      '--login',
      '--pin',
      'env:RIG_PIN',
      '--change-pin',
      '--new-pin',
      'env:RIG_NEW',
    ],
    { env: { ...token.environment, RIG_PIN: from, RIG_NEW: to }, cwd: '/' },
  );
const database = ({ site: { nss } }: BreakSite) => [
  nss.database,
  ...readdirSync(nss.database).map((name) => path.join(nss.database, name)),
];
const give = (at: BreakSite, uid: number, gid: number) => {
  for (const file of database(at)) chownSync(file, uid, gid);
};

const breaks: readonly Break[] = [
  {
    name: 'the token is away, and nothing is due',
    break: ({ site: { token } }) => {
      renameSync(token.tokenDirectory, `${token.tokenDirectory}.away`);
    },
    renews: false,
    cause: 'token-away',
    sentence: /softhsm|token|module/iu,
    mend: ({ site: { token } }) => {
      renameSync(`${token.tokenDirectory}.away`, token.tokenDirectory);
    },
  },
  {
    name: 'the token is away when it is needed',
    break: ({ site: { token } }) => {
      renameSync(token.tokenDirectory, `${token.tokenDirectory}.away`);
    },
    cause: 'token-away',
    sentence: /token|module/iu,
    mend: ({ site: { token } }) => {
      renameSync(`${token.tokenDirectory}.away`, token.tokenDirectory);
    },
  },
  {
    name: 'the PIN is changed under it',
    break: async (at) => {
      await changePin(at, at.site.token.pin, 'another-pin');
    },
    cause: 'pin-refused',
    sentence: /PIN/u,
    mend: ({ site: { token, owner } }) => {
      writeFileSync(token.pinFile, 'another-pin\n', { mode: 0o600 });
      chownSync(token.pinFile, owner.uid, owner.gid);
    },
    // Of certmonger's, four are the resubmit's own, which reads key and certificate twice before anything else, and one is the CSR's.
    refusedLogins: { ours: 1, certmonger: 5 },
    after: async (at) => {
      await changePin(at, 'another-pin', at.site.token.pin);
      // It may have been moved aside meanwhile.
      const { owner, token } = at.site;
      writeFileSync(token.pinFile, `${token.pin}\n`, { mode: 0o600 });
      chownSync(token.pinFile, owner.uid, owner.gid);
    },
  },
  {
    name: 'the NSS database cannot be written',
    break: (at) => {
      give(at, 0, 0);
    },
    cause: 'nss-unwritable',
    sentence: /NSS database/u,
    mend: (at) => {
      give(at, at.site.owner.uid, at.site.owner.gid);
    },
  },
  {
    name: 'the helper cannot be executed',
    break: ({ executables }) => {
      chmodSync(path.join(executables, 'hsmonger-submit'), 0o644);
    },
    cause: 'helper-not-executable',
    sentence: /hsmonger-submit cannot be executed/u,
    mend: ({ executables }) => {
      chmodSync(path.join(executables, 'hsmonger-submit'), 0o755);
    },
  },
  {
    name: 'the CA refuses',
    break: ({ instanceFile }) => {
      writeFileSync(
        instanceFile,
        readFileSync(instanceFile, 'utf8').replace(/^\[issuer\]$/mu, '[issuer]\nlifetime-days = { caOCSPCert = 1 }'),
      );
    },
    cause: 'refused',
    sentence: /./u,
    mend: ({ instanceFile }) => {
      writeFileSync(instanceFile, readFileSync(instanceFile, 'utf8').replace(/^lifetime-days = .*\n/mu, ''));
    },
  },
];

let at: BreakSite;
const figures: string[] = [];

beforeAll(async () => {
  at = await startBreakSite({ each: { daysLeft: 300 }, only: { 'caSigningCert cert-pki-ca': { daysLeft: 3000 } } });
});
afterAll(async () => {
  process.stdout.write(`${figures.join('\n')}\n`);
  await at.stop();
});

const isOurs = (program: string) => /^(?:node|MainThread|hsmonger)/u.test(program);

describe('what breaks is noticed, told, and well again once it is mended', () => {
  test.each(breaks)(
    '$name',
    async ({ name, break: breakIt, renews = true, cause, sentence, mend, refusedLogins = { ours: 0, certmonger: 0 }, after }) => {
      const keys = await at.site.privateKeys();
      const before = await at.serial(victim);
      at.spied.logins();
      const from = at.events().length;
      let unmended = true;
      try {
        await breakIt(at);
        const broken = Date.now();
        if (renews) await at.renew(victim);
        const told = await at.until(
          `told of '${cause}'`,
          from,
          (event) => event.details?.['cause'] === cause && (event.kind === 'failed' || event.kind === 'trouble'),
          noticeMs,
        );
        expect(told.message).toMatch(sentence);
        // What is told is a whole sentence for a person.
        expect(told.message).toMatch(/^[A-Z'].*[.]$/su);
        const bystander = renews ? await at.bystander(30_000) : undefined;
        await mend(at);
        unmended = false;
        const mended = Date.now();
        if (renews) await at.untilRenewed(victim, before, healMs);
        const healed = Date.now();
        await at.until(`healed of '${cause}'`, from, (event) => event.kind === 'healed' && event.details?.['cause'] === cause, healMs);
        await at.site.untilQuiet(healMs);
        const refused = at.spied.logins().filter((login) => login.refused);
        const ours = refused.filter(({ program }) => isOurs(program)).length;
        figures.push(
          `${name}: told after ${String(told.readAt - broken)} ms ("${told.message}"), ${renews ? `renewed ${String(healed - mended)} ms after mending, another CA's request took ${String(bystander)} ms, ` : ''}refused logins: ours ${String(ours)}, certmonger's ${String(refused.length - ours)} (${refused.map(({ program, pid }) => `${program} ${String(pid)}`).join(', ')})`,
        );
        expect(ours).toBeLessThanOrEqual(refusedLogins.ours);
        expect(refused.length - ours).toBeLessThanOrEqual(refusedLogins.certmonger);
      } finally {
        if (unmended) await mend(at);
        await after?.(at);
      }
      expect(await at.site.privateKeys()).toEqual(keys);
    },
  );
});

describe('certmonger killed at whatever it does', () => {
  /** Milliseconds after the renewal was asked for: from before the CSR until after it is saved. */
  const moments = [0, 30, 60, 100, 150, 200, 300, 400, 500, 650, 800, 1000, 1300, 1700, 2200, 3000];

  test('leaves nothing stuck once it runs again, no key changed, and no other request lost', async () => {
    const keys = await at.site.privateKeys();
    const found = new Set<string>();
    const from = at.events().length;
    for (const moment of moments) {
      const before = await at.serial(victim);
      await at.renew(victim);
      await sleep(moment);
      await at.site.certmonger.kill('SIGKILL');
      found.add(storedState(at, victim));
      await at.site.certmonger.restart();
      await at.untilSettled(victim, healMs);
      // Killed before it was told to disk that a renewal was asked for, it rests with what it has.
      if ((await at.serial(victim)) === before) {
        await at.renew(victim);
        await at.untilRenewed(victim, before, healMs);
      }
    }
    figures.push(`certmonger killed in ${[...found].sort().join(', ')}`);
    // At rest, before the answer and after it at least; how many more depends on how fast the machine is.
    expect(found.size).toBeGreaterThanOrEqual(3);
    await at.site.untilQuiet(healMs);
    await at.bystander(60_000);
    expect(await at.site.privateKeys()).toEqual(keys);
    expect(await at.site.onToken(victim)).toHaveLength(1);
    // A restart is a log line, no event.
    expect(
      at
        .events()
        .slice(from)
        .some(({ details }) => details?.['cause'] === 'certmonger-away'),
    ).toBe(false);
  });
});

/** What certmonger wrote down last (store-files.c). */
function storedState(
  {
    site: {
      certmonger: { requestsDirectory },
    },
  }: BreakSite,
  nickname: string,
): string {
  const texts = readdirSync(requestsDirectory).map((name) => readFileSync(path.join(requestsDirectory, name), 'utf8'));
  const text = texts.find((one) => one.includes(`cert_nickname=${nickname}\n`)) ?? '';
  return /^state=(.*)$/mu.exec(text)?.[1] ?? 'unwritten';
}
