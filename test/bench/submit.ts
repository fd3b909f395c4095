import { X509Certificate } from 'node:crypto';
import path from 'node:path';
import { installation } from '../../src/platform/installation.js';
import { createAuthority } from '../rig/authority.js';
import { freeIpaHelper, shellHelper } from './other-helpers.js';
import { bareNode, program } from './program.js';
import { interleave, type Subject } from './rounds.js';
import { compare, inSequence, type Comparison, type Summary } from './row.js';
import { buildSignOnce } from './sign-once.js';
import { caNickname, ocspNickname, type Site } from './site.js';

/**
 * A renewal by the helper as certmonger runs it: root, the drop, login, a fresh signature on the token, the ledger flushed to disk.
 * Each round renews another old certificate: the same one again would be answered from the ledger, without a signature.
 */
export async function benchSubmit(site: Site, rounds: number, say: (line: string) => void): Promise<Comparison[]> {
  const others: Record<string, Subject> = {};
  for (const { name, subject, absent } of [await shellHelper(site), await freeIpaHelper()]) {
    if (subject === undefined) say(`no row for ${name}: ${absent}`);
    else others[name] = subject;
  }
  const sign = buildSignOnce(site);
  const measured = await interleave(rounds, { ours: await renewal(site, rounds), node: bareNode, c: sign, ...others });
  return [
    compare('helper SUBMIT / (node -e 0 + one signature in C)', { atMost: 2 }, measured.ours, inSequence(measured.node, measured.c)),
    ...Object.keys(others).map((name) =>
      compare(`helper SUBMIT / ${name}`, 'none', measured.ours, (measured as Record<string, Summary>)[name]!),
    ),
  ];
}

async function renewal(site: Site, rounds: number): Promise<Subject> {
  const helper = path.join(installation().executables, 'hsmonger-submit');
  const { csr } = site.authority.certificate(ocspNickname);
  const olds = await oldCertificates(site, rounds + 1);
  const serials = new Set<string>();
  return (round) => {
    const env = {
      CERTMONGER_OPERATION: 'SUBMIT',
      CERTMONGER_CA_NICKNAME: 'hsmonger',
      CERTMONGER_CA_PROFILE: 'caOCSPCert',
      CERTMONGER_KEY_TYPE: 'RSA',
      CERTMONGER_CSR: csr,
      CERTMONGER_CERTIFICATE: olds[round]!,
    };
    const answer = JSON.parse(program(helper, site.flags, { env }).toString()) as { certificate: string };
    serials.add(new X509Certificate(answer.certificate).serialNumber);
    if (serials.size !== round + 1) throw new Error('SUBMIT gave a certificate it had given before: nothing was signed.');
  };
}

/** Certificates of one key and one subject that differ in their serial only. */
async function oldCertificates(site: Site, count: number): Promise<string[]> {
  const { certificates } = await createAuthority(site.token, {
    certificates: Array.from({ length: count }, (_, index) => ({
      nickname: `old ${String(index)}`,
      profile: 'caOCSPCert',
      subject: [{ O: ['HSMONGER.TEST'] }, { CN: ['OCSP Subsystem'] }],
      keyOf: ocspNickname,
      issuer: caNickname,
      store: false,
    })),
  });
  return certificates.map(({ pem }) => pem);
}
