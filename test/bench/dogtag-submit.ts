import { createDogtagIssuer } from '../../src/issuer/dogtag/dogtag-issuer.js';
import { readAgent } from '../../src/issuer/dogtag/agent.js';
import { openLedger } from '../../src/ledger/ledger.js';
import { certificateToPem, csrFromPem } from '../../src/x509/pem.js';

/**
 * One SUBMIT to a Dogtag by the issuer alone, in a node of its own: bundled by dogtag.ts as the helper is. What the helper does before,
 * reading the instance file and becoming the service user, is in the rows of `submit`.
 */
async function main(): Promise<void> {
  const [url = '', caFile = '', certificate = '', key = '', ledgerFile = ''] = process.argv.slice(2);
  const config = { type: 'dogtag', certificate: 'ca_signing', url, caFile, agent: { certificate, key } } as const;
  const agent = readAgent(config);
  const ledger = openLedger(ledgerFile);
  const issuer = createDogtagIssuer({ issuer: config, ...(agent === undefined ? {} : { agent }), ledger, clock: () => new Date(), uid: 0 });
  const answer = await issuer.enrol({ csr: csrFromPem(process.env['CERTMONGER_CSR'] ?? ''), profile: process.env['CERTMONGER_CA_PROFILE'] ?? '' });
  if ('pending' in answer) throw new Error(answer.message);
  process.stdout.write(certificateToPem(answer.certificate));
  ledger.close();
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exit(1);
  },
);
