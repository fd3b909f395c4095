import path from 'node:path';
import type { DogtagIssuerConfig } from '../../config/instance.js';
import { HsmongerError } from '../../errors.js';
import { findInterface, forgetInterface, rememberInterface } from '../../ledger/asked.js';
import { openDatabase, type Database } from '../../ledger/database.js';
import { exclusively } from '../../ledger/exclusively.js';
import type { Clock } from '../../platform/clock.js';
import { sameName } from '../../x509/names/name.js';
import { findPath, isSelfSigned } from '../../x509/path.js';
import { readableCertificates } from '../../x509/readable-certificates.js';
import type { Issued, Issuer } from '../issuer.js';
import type { Agent } from './agent.js';
import { NoSuchInterface } from './answers.js';
import { interfaceNames, type DogtagApi, type InterfaceName } from './api.js';
import { readCaFile } from './ca-file.js';
import { createConnection } from './connection.js';
import { enrol, type Site } from './enrol.js';
import { authoritiesOf } from './judge.js';
import { negotiate } from './negotiate.js';
import { orderOf } from './order.js';
import { patiently } from './patience.js';
import { createRestApi } from './rest.js';
import { caChain, createServletApi } from './servlets.js';

export interface DogtagIssuerParts {
  readonly issuer: DogtagIssuerConfig;
  /** readAgent()'s, from before the drop. */
  readonly agent?: Agent;
  /** Stays the caller's to close. */
  readonly ledger: Database;
  readonly clock: Clock;
  readonly uid: number;
  /** For each answer of the CA, milliseconds. */
  readonly timeoutMs?: number;
  /**
   * How long enrol() waits for a CA that is starting, milliseconds; a Dogtag of CA and KRA is back some 12 seconds after its restart.
   * Default 0.
   */
  readonly patienceMs?: number;
}

const defaultTimeoutMs = 30_000;

/** A Dogtag server: same key, agent approval where the profile wants it, and the ledger so that no request is made twice. */
export function createDogtagIssuer(parts: DogtagIssuerParts): Issuer {
  const { issuer, agent, ledger, clock, timeoutMs = defaultTimeoutMs, patienceMs = 0 } = parts;
  let opened: Site | undefined;
  const open = (): Site => {
    const caFile = readCaFile(issuer.caFile);
    return {
      ledger,
      clock,
      caFile,
      connection: createConnection({ url: issuer.url, ca: caFile.pem, ...(agent === undefined ? {} : { agent }), timeoutMs }),
    };
  };
  const site = () => (opened ??= open());
  return {
    enrol: async (enrolment) => {
      const order = orderOf(issuer.url, enrolment);
      const here = site();
      return patiently(patienceMs, () => alone(ledger, timeoutMs, () => conversing(here, (api) => enrol(here, api, order))));
    },
    roots: () => roots(site()),
    close: () => {
      opened?.connection.close();
      opened = undefined;
      return Promise.resolve();
    },
  };
}

/**
 * One process at a time asks the CA, so that the same request in two of them is made once. Not the ledger's own lock: what is written
 * down on the way must be on the disk at once. The lock dies with its holder.
 */
async function alone<T>(ledger: Database, waitMs: number, work: () => Promise<T>): Promise<T> {
  const lock = openDatabase(path.join(path.dirname(ledger.name), 'asking.lock'), { schema: '', version: 1 });
  try {
    return await exclusively(lock, waitMs, work);
  } finally {
    lock.close();
  }
}

/** Through the interface the server has, asked once and remembered; one that is gone is forgotten, and the next best asked. */
async function conversing<T>({ connection, ledger }: Site, work: (api: DogtagApi) => Promise<T>): Promise<T> {
  const gone = new Set<InterfaceName>();
  for (;;) {
    const remembered = interfaceNames.find((name) => name === findInterface(ledger, connection.url));
    const name = remembered ?? (await negotiate(connection, gone));
    if (remembered === undefined) rememberInterface(ledger, connection.url, name);
    try {
      return await work(name === 'servlets' ? createServletApi(connection) : createRestApi(connection, name));
    } catch (error) {
      if (!(error instanceof NoSuchInterface)) throw error;
      forgetInterface(ledger, connection.url);
      gone.add(name);
    }
  }
}

async function roots({ connection, caFile, clock }: Site): Promise<Pick<Issued, 'chain' | 'roots'>> {
  const certificates = readableCertificates(await caChain(connection));
  // In no order: the CA's own is the one that is above none of the others.
  const signing = certificates.find((one) => !certificates.some((other) => other !== one && sameName(other.issuer, one.subject)));
  if (signing === undefined)
    throw new HsmongerError(
      'CA_ANSWER_INVALID',
      `The CA at ${connection.url} gives no chain of its own; is another program behind issuer.url?`,
    );
  const authorities = authoritiesOf(certificates, caFile.certificates);
  const found =
    isSelfSigned(signing) && !authorities.includes(signing)
      ? { fault: 'its root is not in issuer.ca-file' }
      : findPath(signing, authorities, clock());
  if ('fault' in found)
    throw new HsmongerError(
      'CA_ANSWER_INVALID',
      `The chain of the CA at ${connection.url} does not validate: ${found.fault}; put the root above it into issuer.ca-file.`,
    );
  return { chain: isSelfSigned(signing) ? [] : [signing, ...found.chain].map(({ der }) => der), roots: found.roots.map(({ der }) => der) };
}
