import { createDogtagIssuer } from '../../src/issuer/dogtag/dogtag-issuer.js';
import { readAgent } from '../../src/issuer/dogtag/agent.js';
import { rememberInterface } from '../../src/ledger/asked.js';
import { openLedger } from '../../src/ledger/ledger.js';
import { asHsmongerError } from '../../src/errors.js';
import { certificateFromPem, certificateToPem, csrFromPem } from '../../src/x509/pem.js';
import { serveWorker } from '../rig/worker.js';

export interface EnrolJob {
  readonly url: string;
  readonly caFile: string;
  readonly agent?: { readonly certificate: string; readonly key: string };
  readonly ledger: string;
  /** As if it had been found before. */
  readonly through?: string;
  readonly enrolments: readonly {
    readonly csr: string;
    readonly profile: string;
    readonly old?: string;
    readonly pending?: string;
    readonly authority?: string;
  }[];
}

export type EnrolResult =
  | { readonly certificate: string }
  | { readonly pending: string; readonly message: string }
  | { readonly code: string; readonly message: string };

/** Runs in the rig's network: enrols one after the other, and answers what became of each. */
await serveWorker(async (input) => {
  const { url, caFile, agent: files, ledger: file, through, enrolments } = input as EnrolJob;
  const issuer = { type: 'dogtag', certificate: 'ca_signing', url, caFile, ...(files === undefined ? {} : { agent: files }) } as const;
  const ledger = openLedger(file);
  if (through !== undefined) rememberInterface(ledger, url, through);
  const agent = readAgent(issuer);
  const dogtag = createDogtagIssuer({ issuer, ...(agent === undefined ? {} : { agent }), ledger, clock: () => new Date(), uid: 0 });
  const results: EnrolResult[] = [];
  for (const { csr, profile, old, pending, authority } of enrolments) {
    try {
      const answer = await dogtag.enrol({
        csr: csrFromPem(csr),
        profile,
        ...(old === undefined ? {} : { oldCertificate: certificateFromPem(old) }),
        ...(pending === undefined ? {} : { pending }),
        ...(authority === undefined ? {} : { authority }),
      });
      results.push(
        'pending' in answer ? { pending: answer.pending, message: answer.message } : { certificate: certificateToPem(answer.certificate) },
      );
    } catch (error) {
      const { code, message } = asHsmongerError(error);
      results.push({ code, message });
    }
  }
  ledger.close();
  return results;
});
