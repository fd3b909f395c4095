/**
 * tsx test/bench/dogtag.ts --url URL --ca-file FILE --agent-certificate FILE --agent-key FILE [--ee-url URL] [--rounds N]: a SUBMIT through a Dogtag
 * server, from nothing to the certificate, against certmonger's own dogtag-submit at the same server in one run. Ends with 1 when the
 * target is missed. To be run where the server can be reached: that of the laboratory from its network namespace alone.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { copyFileSync, mkdirSync } from 'node:fs';
import { loadavg } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { installation } from '../../src/platform/installation.js';
import { privateDirectory } from '../rig/directory.js';
import { makeCsr, makeKeys, pem } from '../x509/material.js';
import { bareNode, program } from './program.js';
import { interleave, type Subject } from './rounds.js';
import { compare, type Summary } from './row.js';
import { table } from './table.js';

const peer = '/usr/lib/certmonger/dogtag-submit';

const { values } = parseArgs({
  options: { url: { type: 'string', default: 'https://pki.example.test:8443' }, 'ca-file': { type: 'string', default: '' }, 'agent-certificate': { type: 'string', default: '' }, 'agent-key': { type: 'string', default: '' }, 'ee-url': { type: 'string', default: 'http://pki.example.test:8080' }, rounds: { type: 'string', default: '15' } },
});

const root = path.resolve(import.meta.dirname, '../..');
const directory = privateDirectory('hsmonger-bench');
try {
  const rounds = Number(values.rounds);
  const keys = await makeKeys();
  // Another subject each round: the same request again would be answered from the ledger.
  const csrs = async (who: string) => Promise.all(Array.from({ length: rounds + 1 }, async (_, round) => pem(await makeCsr({ keys, subject: `O=EXAMPLE, CN=${who}-${String(round)}-${String(Date.now())}.example.test` }), 'CERTIFICATE REQUEST')));
  const measured = await interleave(rounds, { ours: await ours(await csrs('ours')), peer: dogtagSubmit(await csrs('peer')), node: bareNode });
  const apart = less(measured.ours, measured.node);
  const comparisons = [
    compare("SUBMIT through Dogtag, node's start apart / dogtag-submit", { atMost: 1.3 }, apart, measured.peer),
    compare('SUBMIT through Dogtag / dogtag-submit', 'none', measured.ours, measured.peer),
    compare('node -e 0 / dogtag-submit', 'none', measured.node, measured.peer),
  ];
  process.stdout.write(`load ${loadavg()[0]!.toFixed(1)}; node ${process.versions.node}; ${String(rounds)} rounds; milliseconds from the first SUBMIT to the certificate, dogtag-submit's three runs together\n\n`);
  process.stdout.write(table(comparisons));
  if (comparisons.some(({ row }) => !row.holds)) process.exitCode = 1;
} finally {
  directory.remove();
}

/** The minimums' difference and the medians': node's start is there in every run. */
function less(whole: Summary, part: Summary): Summary {
  return { minimum: whole.minimum - part.minimum, median: whole.median - part.median };
}

/** The issuer in a node of its own, bundled and with V8's code cache as the helper is (packaging/build.mjs). */
async function ours(csr: readonly string[]): Promise<Subject> {
  const lib = path.join(directory.path, 'lib');
  mkdirSync(lib);
  copyFileSync(path.join(installation().addons, 'better_sqlite3.node'), path.join(lib, 'better_sqlite3.node'));
  await build({
    entryPoints: [path.join(import.meta.dirname, 'dogtag-submit.ts')],
    outfile: path.join(lib, 'submit.cjs'),
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
    mainFields: ['module', 'main'],
    minifyWhitespace: true,
    minifySyntax: true,
    external: ['*.node'],
    define: { 'import.meta.url': 'HSMONGER_BUNDLE_URL', HSMONGER_BUNDLE_DIRECTORY: 'HSMONGER_LIB_DIRECTORY' },
    banner: { js: 'const HSMONGER_LIB_DIRECTORY=__dirname,HSMONGER_BUNDLE_URL="file://"+__filename;' },
  });
  execFileSync(process.execPath, [path.join(root, 'packaging/code-cache.mjs'), lib, 'submit']);
  const file = path.join(lib, 'submit.cjs');
  const ledger = path.join(directory.path, 'ledger.sqlite');
  return (round) => {
    const answer = program(process.execPath, [file, values.url, values['ca-file'], values['agent-certificate'], values['agent-key'], ledger], { env: { CERTMONGER_CSR: csr[round]!, CERTMONGER_CA_PROFILE: 'caServerCert' } });
    new X509Certificate(answer);
  };
}

/** SUBMIT, then POLL with each cookie at once: approve, retrieve. What needs no agent goes in clear, as FreeIPA has it do. */
function dogtagSubmit(csr: readonly string[]): Subject {
  const args = ['-E', `${values['ee-url']}/ca/ee/ca`, '-A', `${values.url}/ca/agent/ca`, '-i', values['ca-file'], '-c', values['agent-certificate'], '-k', values['agent-key'], '-T', 'caServerCert', '-N'];
  return (round) => {
    let cookie: string | undefined;
    for (let run = 0; run < 4; run++) {
      const env = { PATH: '/usr/bin:/bin', CERTMONGER_CSR: csr[round]!, ...(cookie === undefined ? { CERTMONGER_OPERATION: 'SUBMIT' } : { CERTMONGER_OPERATION: 'POLL', CERTMONGER_CA_COOKIE: cookie }) };
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
