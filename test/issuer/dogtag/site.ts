import path from 'node:path';
import { readAgent } from '../../../src/issuer/dogtag/agent.js';
import { createDogtagIssuer } from '../../../src/issuer/dogtag/dogtag-issuer.js';
import type { Enrolment, Issued, Issuer, Pending } from '../../../src/issuer/issuer.js';
import type { Database } from '../../../src/ledger/database.js';
import { openLedger } from '../../../src/ledger/ledger.js';
import type { Certificate } from '../../../src/x509/certificate.js';
import { parseCertificate } from '../../../src/x509/parse-certificate.js';
import { privateDirectory } from '../../rig/directory.js';
import { startDogtagDouble, type DogtagDouble, type DoubleOptions } from '../../rig/dogtag-double.js';
import { makeCsr, makeKeys, type Keys } from '../../x509/material.js';

/** A double, an empty ledger, and issuers that use them. */
export interface Site {
  readonly double: DogtagDouble;
  readonly ledger: Database;
  readonly issuer: (options?: IssuerOptions) => Issuer;
  readonly close: () => Promise<void>;
}

export interface IssuerOptions {
  /** Default 'agent'; the others have a flaw. */
  readonly agent?: 'agent' | 'stranger' | 'powerless' | 'none';
  readonly url?: string;
  readonly caFile?: string;
  readonly timeoutMs?: number;
  readonly patienceMs?: number;
}

export async function makeSite(options: DoubleOptions = {}): Promise<Site> {
  const directory = privateDirectory('hsmonger-dogtag');
  const double = await startDogtagDouble(directory.path, options);
  const ledger = openLedger(path.join(directory.path, 'ledger.sqlite'));
  const opened: Issuer[] = [];
  return {
    double,
    ledger,
    issuer: ({ agent = 'agent', url = double.url, caFile = double.caFile, timeoutMs = 5000, patienceMs = 0 } = {}) => {
      const files = agent === 'agent' ? double.agent : agent === 'none' ? undefined : double.wrongAgents[agent];
      const issuer = {
        type: 'dogtag',
        certificate: 'caSigningCert',
        url,
        caFile,
        ...(files === undefined ? {} : { agent: files }),
      } as const;
      const read = readAgent(issuer);
      const made = createDogtagIssuer({
        issuer,
        ...(read === undefined ? {} : { agent: read }),
        ledger,
        clock: () => new Date(),
        uid: 0,
        timeoutMs,
        patienceMs,
      });
      opened.push(made);
      return made;
    },
    close: async () => {
      for (const one of opened) await one.close();
      ledger.close();
      await double.close();
      directory.remove();
    },
  };
}

export interface Request extends Enrolment {
  readonly keys: Keys;
}

export async function makeRequest(profile = 'caServerCert', subject = 'O=DOUBLE, CN=host.double.test', given?: Keys): Promise<Request> {
  const keys = given ?? (await makeKeys('p256'));
  return { keys, profile, csr: await makeCsr({ keys, subject }) };
}

export function issuedBy(answer: Issued | Pending): Certificate {
  if ('pending' in answer) throw new Error(`Pending: ${answer.message}`);
  return parseCertificate(answer.certificate);
}

export function pendingOf(answer: Issued | Pending): Pending {
  if ('pending' in answer) return answer;
  throw new Error('Issued, where it should be pending.');
}
