import { execFileSync } from 'node:child_process';
import { chownSync, copyFileSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { SoftToken } from '../../rig/soft-token.js';
import { runWorker } from '../../rig/worker.js';
import { compare, type Comparison } from '../row.js';
import { interleaveMeasures } from './in-turn.js';
import type { Opened } from './open-worker.js';
import { caKeys, type IssuePlace } from './place.js';

const objects = 10_000;

/**
 * The CA and its key found on a token that holds 10,000 objects more, against the same token without them. SoftHSM itself reads every file
 * at C_Initialize and looks at every object in a search: a C loop that finds one key by its CKA_ID shows what of the time is the module's.
 */
export async function benchStartUp(place: IssuePlace, rounds: number, say: (line: string) => void): Promise<Comparison[]> {
  const full = crowded(place);
  const key = caKeys.find(({ name }) => name === 'P-256')!;
  const calls = new Map<SoftToken, Opened['calls']>();
  const ours = (token: SoftToken) => async () => {
    const opened = (await runWorker('../bench/issue/open-worker.ts', place.user, { token, certificate: key.label })) as Opened;
    calls.set(token, opened.calls);
    return opened.ms;
  };
  const alone = (token: SoftToken) => () => {
    const start = performance.now();
    execFileSync(place.signLoop, [token.module, token.label, token.pinFile, key.id, key.raw.mechanism, String(key.raw.octets), '1', '1'], {
      env: token.environment,
      uid: place.user.uid,
      gid: place.user.gid,
      cwd: '/',
    });
    return performance.now() - start;
  };
  const measured = await interleaveMeasures(rounds, {
    ours: ours(full),
    empty: ours(place.token),
    alone: alone(full),
    'alone empty': alone(place.token),
  });
  const told = (token: SoftToken) =>
    Object.entries(calls.get(token) ?? {})
      .map(([name, count]) => `${String(count)} ${name}`)
      .join(', ');
  say(`start-up: with ${String(objects)} objects ${told(full)}; without ${told(place.token)}`);
  if (told(full) !== told(place.token)) throw new Error('With many objects on the token more is asked for than with few.');
  const name = (what: string) => `ms to find CA and key: ${what}`;
  return [
    compare(name('10,000 objects / C loop finding one key'), 'none', measured['ours']!, measured['alone']!),
    compare(name('10,000 objects / without them'), 'none', measured['ours']!, measured['empty']!),
    compare(name('C loop with 10,000 objects / without'), 'none', measured['alone']!, measured['alone empty']!),
  ];
}

/**
 * A copy of the token with thousands of certificates of a stranger: copies of one object file, which SoftHSM takes for objects of their
 * own.
 */
function crowded({ directory, token, user }: IssuePlace): SoftToken {
  const parent = path.join(directory, 'crowded');
  const tokenDirectory = path.join(parent, 'tokens');
  mkdirSync(parent);
  execFileSync('cp', ['-a', token.tokenDirectory, tokenDirectory]);
  const confFile = path.join(parent, 'softhsm2.conf');
  writeFileSync(
    confFile,
    `directories.tokendir = ${tokenDirectory}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n`,
  );
  const copy: SoftToken = { ...token, tokenDirectory, confFile, environment: { SOFTHSM2_CONF: confFile } };
  const place = path.join(tokenDirectory, readdirSync(tokenDirectory)[0]!);
  const before = new Set(readdirSync(place));
  const stranger = path.join(parent, 'stranger.pem');
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      path.join(parent, 'stranger.key'),
      '-subj',
      '/CN=Stranger',
      '-days',
      '100',
      '-out',
      stranger,
    ],
    { stdio: 'pipe' },
  );
  chownSync(stranger, user.uid, user.gid);
  execFileSync(
    'pkcs11-tool',
    [
      '--module',
      copy.module,
      '--token-label',
      copy.label,
      '--login',
      '--pin',
      copy.pin,
      '--write-object',
      stranger,
      '--type',
      'cert',
      '--id',
      'ffff',
      '--label',
      'stranger',
    ],
    { env: { ...process.env, ...copy.environment }, uid: user.uid, gid: user.gid, cwd: '/', stdio: 'pipe' },
  );
  const made = readdirSync(place).find(
    (name) => !before.has(name) && name.endsWith('.object') && statSync(path.join(place, name)).size > 0,
  )!;
  for (let n = 1; n < objects; n++) {
    const uuid = `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
    for (const suffix of ['object', 'lock']) {
      const file = path.join(place, `${uuid}.${suffix}`);
      if (suffix === 'object') copyFileSync(path.join(place, made), file);
      else writeFileSync(file, '', { mode: 0o600 });
      chownSync(file, user.uid, user.gid);
    }
  }
  return copy;
}
