import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { startDogtag, type Dogtag } from '../rig/dogtag.js';
import { url } from '../rig/dogtag/server.js';
import type { DogtagJob, DogtagTimes } from './dogtag-worker.js';
import { compare, less, type Comparison } from './row.js';

/**
 * A new certificate from the real Dogtag, by the helper as certmonger runs it, against certmonger's own dogtag-submit at the same server.
 * node's start is there in every run of ours, and shown apart.
 */
export async function benchDogtag(directory: string, rounds: number): Promise<Comparison[]> {
  const rig = await startDogtag();
  try {
    const job: DogtagJob = {
      rounds,
      url,
      plainUrl: 'http://pki.example.test:8080',
      caFile: rig.caFile,
      agent: rig.agent,
      flags: writeInstance(path.join(directory, 'dogtag'), rig),
    };
    // nsenter(1) goes to '/', and tsx wants to be where tsconfig.json is.
    const { stdout } = await rig.enter(
      'env',
      [
        '-C',
        path.resolve(import.meta.dirname, '../..'),
        process.execPath,
        '--import',
        'tsx',
        path.join(import.meta.dirname, 'dogtag-worker.ts'),
      ],
      { input: JSON.stringify({ input: job }), timeoutMs: 900_000 },
    );
    const { ours, peer, node } = JSON.parse(stdout) as DogtagTimes;
    return [
      compare("SUBMIT through Dogtag, node's start apart / dogtag-submit", { atMost: 1.3 }, less(ours, node), peer),
      compare('SUBMIT through Dogtag / dogtag-submit', 'none', ours, peer),
      compare('node -e 0 / dogtag-submit', 'none', node, peer),
    ];
  } finally {
    await rig.stop();
  }
}

/** As an administrator would write it, without a directory: publishing is not what dogtag-submit does. Gives the helper's flags. */
function writeInstance(directory: string, { owner, token, database, passwordFile, caFile, agent }: Dogtag): string[] {
  const [config, state] = ['etc', 'state'].map((name) => path.join(directory, name)) as [string, string];
  mkdirSync(config, { recursive: true });
  const text = (value: string) => JSON.stringify(value);
  writeFileSync(
    path.join(config, 'hsmonger.toml'),
    `user = ${text(owner.name)}

[token]
label = ${text(token.label)}
module = ${text(token.module)}
pin-file = ${text(token.pinFile)}
environment = { SOFTHSM2_CONF = ${text(token.confFile)} }

[nss]
database = ${text(database)}
password-file = ${text(passwordFile)}

[issuer]
type = "dogtag"
certificate = "caSigningCert cert-pki-ca"
url = ${text(url)}
ca-file = ${text(caFile)}
agent-certificate = ${text(agent.certificate)}
agent-key = ${text(agent.key)}

[[certificate]]
nickname = "Server-Cert cert-pki-ca"
profile = "caServerCert"
token = "internal"
`,
  );
  return ['--instance', 'hsmonger', '--config-dir', config, '--state-dir', state];
}
