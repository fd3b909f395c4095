import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Directories } from '../../../src/config/instance.js';
import { loadInstance } from '../../../src/config/load.js';
import { installation } from '../../../src/platform/installation.js';
import { askService } from '../../../src/service/ask.js';
import { certificateToPem } from '../../../src/x509/pem.js';
import { program } from '../program.js';
import type { Measure } from './in-turn.js';
import { verified } from './peers.js';
import { certificateFile, type CaKey, type IssuePlace } from './place.js';

/**
 * An instance for this key and number of sessions, its ledger empty; beside the directory that is the user's, for an instance file is
 * root's.
 */
function freshInstance(
  { directory, token, user }: IssuePlace,
  { label }: CaKey,
  sessions: number,
): { readonly name: string; readonly directories: Directories } {
  const name = `${label}-${String(sessions)}`;
  const [config, state] = ['etc', 'state'].map((kind) => `${directory}-${kind}`) as [string, string];
  mkdirSync(config, { recursive: true });
  const text = (value: string) => JSON.stringify(value);
  writeFileSync(
    path.join(config, `${name}.toml`),
    `user = ${text(user.name)}
[token]
label = ${text(token.label)}
module = ${text(token.module)}
pin-file = ${text(token.pinFile)}
environment = { SOFTHSM2_CONF = ${text(token.confFile)} }
max-sessions = ${String(sessions)}
[nss]
database = ${text(path.join(directory, 'nowhere'))}
[issuer]
type = "token"
certificate = ${text(label)}
`,
  );
  rmSync(path.join(state, name), { recursive: true, force: true });
  return { name, directories: { config, state } };
}

/** Milliseconds of the process that issues: started, given the DER of the requests, gone when certificates and ledger rows are there. */
export function ourWorker(place: IssuePlace, key: CaKey, sessions: number, count: number): Measure {
  const requests = place.requests.slice(0, count).map(({ name, csr }) => ({ name, csr }));
  return async () => {
    const { name, directories } = freshInstance(place, key, sessions);
    const instance = loadInstance(directories, name);
    const start = performance.now();
    const { results } = await askService({ instance, directories }, 'issue certificates', { profile: 'caServerCert', requests });
    const taken = performance.now() - start;
    for (const result of results) if ('problem' in result) throw new Error(`${result.name}: ${result.problem.message}`);
    const [first] = results;
    if (results.length !== count || first === undefined || 'problem' in first)
      throw new Error(`${String(results.length)} of ${String(count)} certificates were issued.`);
    const file = path.join(place.directory, 'certs', 'ours.pem');
    writeFileSync(file, certificateToPem(first.certificate));
    verified(certificateFile(place, key), file);
    return taken;
  };
}

/** Milliseconds of the whole command: files of requests in, files of certificates out, each flushed to the disk. */
export function ourCommand(place: IssuePlace, key: CaKey, sessions: number): Measure {
  const inDir = path.join(place.directory, `requests-${key.label}`);
  const outDir = path.join(place.directory, `out-${key.label}`);
  mkdirSync(inDir);
  for (const { name, csr } of place.requests.slice(0, key.count)) writeFileSync(path.join(inDir, name), csr);
  return () => {
    const { name, directories } = freshInstance(place, key, sessions);
    rmSync(outDir, { recursive: true, force: true });
    mkdirSync(outDir);
    const start = performance.now();
    program(path.join(installation().executables, 'hsmonger'), [
      'ca',
      'issue',
      '--instance',
      name,
      '--config-dir',
      directories.config,
      '--state-dir',
      directories.state,
      '--profile',
      'server',
      '--in-dir',
      inDir,
      '--out-dir',
      outDir,
    ]);
    const taken = performance.now() - start;
    const made = readdirSync(outDir);
    if (made.length !== key.count) throw new Error(`ca issue made ${String(made.length)} of ${String(key.count)} certificates.`);
    verified(certificateFile(place, key), path.join(outDir, made[0]!));
    return taken;
  };
}
