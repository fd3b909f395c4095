/**
 * The main job, shown: a CA whose four certificates are about to expire, on an embedded SoftHSM token; hsmonger sets up, certmonger renews
 * by itself, the agent heals what a lost token stops; then a CA of one's own on a token of its own. Everything is private to one directory,
 * the witnesses are tools we did not write.
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { installation } from '../../src/platform/installation.js';
import { createAuthority, dogtagCertificates } from '../../test/rig/authority.js';
import { startBus } from '../../test/rig/bus.js';
import { getcert, startCertmonger } from '../../test/rig/certmonger.js';
import { privateDirectory } from '../../test/rig/directory.js';
import { createNssDatabase, dogtagTrust } from '../../test/rig/nss-database.js';
import { ensureServiceUser } from '../../test/rig/service-user.js';
import { createSoftToken } from '../../test/rig/soft-token.js';
import { showAgent } from './agent.js';
import { showSmallCa } from './small-ca.js';
import { look, opensslVerify, owners, privateKeyIds, type Sight } from './witness.js';

const daysLeft = 20;
const patienceSeconds = 90;
const nicknames = dogtagCertificates.map(({ nickname }) => nickname);
const started = Date.now();

const say = (text = '') => process.stdout.write(`${text}\n`);
const title = (text: string) => {
  say(`\n== ${text}  (${((Date.now() - started) / 1000).toFixed(1)} s)`);
};

function wantedDirectory(): { readonly path: string; readonly keep: boolean; remove(): void } {
  const { values } = parseArgs({ options: { keep: { type: 'string' } } });
  if (values.keep === undefined) return { ...privateDirectory('hsmonger-demo'), keep: false };
  const directory = path.resolve(values.keep);
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  if (readdirSync(directory).length > 0) throw new Error(`${directory} is not empty; --keep wants a new or empty directory.`);
  return { path: directory, keep: true, remove: () => undefined };
}

function table(sights: readonly Sight[], keyIds: readonly string[]): void {
  for (const { nickname, serial, notAfter } of sights) {
    const days = ((notAfter.getTime() - Date.now()) / 86_400_000).toFixed(1);
    say(
      `  ${nickname.padEnd(30)} serial ${serial.padEnd(33)} notAfter ${notAfter.toISOString().slice(0, 19)}Z  ${days.padStart(7)} days left`,
    );
  }
  say(`  private keys on the token (CKA_ID): ${keyIds.map((id) => id.slice(0, 12)).join('  ')}`);
}

async function demo(): Promise<boolean> {
  const directory = wantedDirectory();
  const stops: (() => Promise<void>)[] = [];
  try {
    title('A token with four certificates about to expire, an NSS database, a private bus, the real certmonger');
    const owner = ensureServiceUser();
    const token = await createSoftToken({ directory: directory.path, label: 'softhsm_token', owner });
    await createAuthority(token, { each: { daysLeft } });
    const nss = await createNssDatabase({ directory: directory.path, owner, token, trust: dogtagTrust });
    const bus = await startBus(directory.path, { outlives: directory.keep });
    const certmonger = await startCertmonger({ directory: directory.path, bus, token, outlives: directory.keep });
    if (!directory.keep)
      stops.push(
        () => certmonger.stop(),
        () => bus.stop(),
      );

    const before = await look(token, nss, nicknames);
    const keysBefore = await privateKeyIds(token);
    table(before, keysBefore);

    const flags = [
      '--bus',
      bus.address,
      '--config-dir',
      path.join(directory.path, 'etc'),
      '--state-dir',
      path.join(directory.path, 'state'),
    ];
    const hsmonger = path.join(installation().executables, 'hsmonger');
    const cli = async (...args: string[]) => {
      say(`\n$ hsmonger ${args.map((word) => (/[\s']/u.test(word) ? `'${word}'` : word)).join(' ')}`);
      const { exitCode } = await execa(hsmonger, [...flags, ...args], {
        stdio: ['ignore', 'inherit', 'inherit'],
        reject: false,
        timeout: 120_000,
      });
      return exitCode;
    };

    title('Set up: one command writes the instance file, registers the CA helper, proves every key, starts tracking');
    const setUp = await cli(
      'setup',
      '--yes',
      '--token',
      token.label,
      '--module',
      token.module,
      '--module-env',
      `SOFTHSM2_CONF=${token.confFile}`,
      '--pin-file',
      token.pinFile,
      '--dbdir',
      nss.database,
      '--user',
      owner.name,
      '--issuer',
      'token',
      '--issuer-certificate',
      'caSigningCert cert-pki-ca',
    );
    if (setUp !== 0) throw new Error(`setup ended with status ${String(setUp)}`);

    title(`certmonger renews by itself: all four have less than 28 days left, nobody types anything`);
    const renewed = await untilRenewed(bus, before);
    await quiet(bus);

    title('One more, by hand');
    const renewExit = await cli('renew', '--wait', '60', 'subsystemCert cert-pki-ca');
    await quiet(bus);
    const statusExit = await cli('status');

    title('The agent: the token goes away during a renewal, and comes back; nobody types anything');
    const agentFacts = await showAgent({
      hsmonger,
      flags,
      tokenDirectory: token.tokenDirectory,
      nickname: 'ocspSigningCert cert-pki-ca',
      say,
      cli,
    });
    await quiet(bus);

    title('After');
    const after = await look(token, nss, nicknames);
    const keysAfter = await privateKeyIds(token);
    table(after, keysAfter);

    title('What getcert says');
    const { stdout: listing } = await getcert(bus, ['list']);
    for (const line of listing.split('\n').filter((line) => /Request ID|status:|storage:|certificate: type|expires:/u.test(line)))
      say(`  ${line.trim()}`);

    title('A CA of your own: a blank token, a root, a CA below it, a server, a revocation');
    const smallCaFacts = await showSmallCa({ directory: directory.path, token, say, cli });

    title('Verdicts');
    const ca = after.find(({ nickname }) => nickname === nicknames[0]);
    if (ca === undefined) throw new Error('The CA certificate is gone.');
    const verdicts = await Promise.all(
      after.map(async (sight, index) => {
        mkdirSync(path.join(directory.path, `verify-${String(index)}`));
        return { nickname: sight.nickname, verdict: await opensslVerify(path.join(directory.path, `verify-${String(index)}`), ca, sight) };
      }),
    );
    for (const { nickname, verdict } of verdicts) say(`  openssl verify -x509_strict  ${nickname.padEnd(30)} ${verdict}`);
    const facts: [string, boolean][] = [
      ['setup, renew and status ended with 0', renewExit === 0 && statusExit === 0],
      ['all four were renewed by certmonger itself', renewed],
      ['one certificate under each nickname', after.length === nicknames.length],
      [
        'every notAfter moved forward',
        before.every((old) => after.some((now) => now.nickname === old.nickname && now.notAfter > old.notAfter)),
      ],
      ['every public key is the same', before.every((old) => after.some((now) => now.nickname === old.nickname && now.key === old.key))],
      ['the same private keys, none added', keysBefore.join() === keysAfter.join()],
      ['openssl accepts every chain', verdicts.every(({ verdict }) => verdict === 'OK')],
      ...agentFacts,
      ...smallCaFacts,
    ];
    for (const [fact, holds] of facts) say(`  ${holds ? 'yes' : 'NO '}  ${fact}`);
    say(`  owners under the token directory: ${await owners(token.tokenDirectory)}`);
    say(`  owners under the NSS database:    ${await owners(nss.database)}`);

    if (directory.keep) farewell(directory.path, [hsmonger, ...flags], bus.address, [certmonger.pid, bus.pid]);
    say(`\nDone in ${((Date.now() - started) / 1000).toFixed(1)} s.`);
    return facts.every(([, holds]) => holds);
  } finally {
    for (const stop of stops) await stop();
    directory.remove();
  }
}

/** Asks certmonger, not the token: a look through certutil logs in, and SoftHSM rewrites the token's file at every login. */
async function untilRenewed(bus: { readonly address: string }, before: readonly Sight[]): Promise<boolean> {
  const seen = new Set<string>();
  for (const end = Date.now() + patienceSeconds * 1000; Date.now() < end && seen.size < before.length; await sleep(300)) {
    const records = (await getcert(bus, ['list', '-u'])).stdout.split(/^Request ID /mu);
    for (const { nickname, notAfter } of before) {
      const expires = /^\texpires: (.*)$/mu.exec(records.find((record) => record.includes(`nickname='${nickname}'`)) ?? '')?.[1];
      if (expires === undefined || seen.has(nickname) || !(Date.parse(expires) > notAfter.getTime())) continue;
      seen.add(nickname);
      say(`  ${nickname.padEnd(30)} renewed, now until ${expires.slice(0, 10)}  (${((Date.now() - started) / 1000).toFixed(1)} s)`);
    }
  }
  return seen.size === before.length;
}

/** certmonger is done when everything is back to MONITORING: its post-save commands have ended then. */
async function quiet(bus: { readonly address: string }): Promise<void> {
  for (const end = Date.now() + patienceSeconds * 1000; Date.now() < end; await sleep(500)) {
    const { stdout } = await getcert(bus, ['list']);
    if ([...stdout.matchAll(/^\tstatus: (.*)$/gmu)].every(([, status]) => status === 'MONITORING')) return;
  }
}

function farewell(directory: string, command: readonly string[], address: string, pids: readonly number[]): void {
  const script = path.join(directory, 'hsmonger');
  writeFileSync(script, `#!/bin/sh\nexec ${command.map((word) => `'${word}'`).join(' ')} "$@"\n`, { mode: 0o755 });
  say(`\nIt all keeps running. Play:  ${script} status`);
  say(`                             ${script} agent & ${script} agent status`);
  say(`                             DBUS_SESSION_BUS_ADDRESS='${address}' getcert list -s`);
  say(`                       Stop: kill ${pids.map(String).join(' ')}; rm -r ${directory}`);
}

process.exitCode = (await demo()) ? 0 : 1;
