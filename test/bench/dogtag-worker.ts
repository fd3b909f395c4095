import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import path from 'node:path';
import { installation } from '../../src/platform/installation.js';
import { serveWorker } from '../rig/worker.js';
import { makeCsr, makeKeys, pem } from '../x509/material.js';
import { bareNode, program } from './program.js';
import { interleave, type Subject } from './rounds.js';
import type { Summary } from './row.js';

export interface DogtagJob {
  readonly rounds: number;
  readonly url: string;
  /** What needs no agent goes in clear, as FreeIPA has dogtag-submit do. */
  readonly plainUrl: string;
  readonly caFile: string;
  readonly agent: { readonly certificate: string; readonly key: string };
  /** Our helper's. */
  readonly flags: readonly string[];
}

export type DogtagTimes = Readonly<Record<'ours' | 'peer' | 'node', Summary>>;

const profile = 'caServerCert';
const peer = '/usr/lib/certmonger/dogtag-submit';

/** Runs in the rig's network, where both find the server: what it takes to get there is in no figure. */
await serveWorker(async (input): Promise<DogtagTimes> => {
  const job = input as DogtagJob;
  const keys = await makeKeys();
  // Another subject each round: the same request again would be answered from the ledger.
  const csrs = (who: string) =>
    Promise.all(
      Array.from({ length: job.rounds + 1 }, async (_, round) =>
        pem(await makeCsr({ keys, subject: `O=EXAMPLE, CN=${who}-${String(round)}.example.test` }), 'CERTIFICATE REQUEST'),
      ),
    );
  return interleave(job.rounds, { ours: ours(job, await csrs('ours')), peer: dogtagSubmit(job, await csrs('peer')), node: bareNode });
});

/** One SUBMIT: the helper approves and fetches in the same run. */
function ours({ flags }: DogtagJob, csr: readonly string[]): Subject {
  const helper = path.join(installation().executables, 'hsmonger-submit');
  return (round) => {
    const env = {
      CERTMONGER_OPERATION: 'SUBMIT',
      CERTMONGER_CA_NICKNAME: 'hsmonger',
      CERTMONGER_CA_PROFILE: profile,
      CERTMONGER_KEY_TYPE: 'RSA',
      CERTMONGER_CSR: csr[round]!,
    };
    const { certificate } = JSON.parse(program(helper, flags, { env }).toString()) as { certificate: string };
    new X509Certificate(certificate);
  };
}

/** SUBMIT, then POLL with each cookie at once: approve, retrieve. */
function dogtagSubmit({ url, plainUrl, caFile, agent }: DogtagJob, csr: readonly string[]): Subject {
  const args = [
    '-E',
    `${plainUrl}/ca/ee/ca`,
    '-A',
    `${url}/ca/agent/ca`,
    '-i',
    caFile,
    '-c',
    agent.certificate,
    '-k',
    agent.key,
    '-T',
    profile,
    '-N',
  ];
  return (round) => {
    let cookie: string | undefined;
    for (let run = 0; run < 4; run++) {
      const env = {
        PATH: '/usr/bin:/bin',
        CERTMONGER_CSR: csr[round]!,
        ...(cookie === undefined ? { CERTMONGER_OPERATION: 'SUBMIT' } : { CERTMONGER_OPERATION: 'POLL', CERTMONGER_CA_COOKIE: cookie }),
      };
      const { status, stdout, stderr } = spawnSync(peer, args, { env, encoding: 'utf8' });
      if (status === 0) {
        new X509Certificate(stdout);
        return;
      }
      if (status !== 5) throw new Error(`${peer} ended with ${String(status)}: ${stdout}${stderr}`);
      cookie = stdout.split('\n')[1];
    }
    throw new Error(`${peer} had not issued after four runs.`);
  };
}
