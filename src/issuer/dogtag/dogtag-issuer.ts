import path from 'node:path';
import type { DogtagIssuerConfig } from '../../config/instance.js';
import { HsmongerError } from '../../errors.js';
import { beginAsking, findAsked, findInterface, forgetAsked, forgetInterface, rememberCertificate, rememberInterface, rememberRequestId, type AskedRow } from '../../ledger/asked.js';
import { openDatabase, type Database } from '../../ledger/database.js';
import { exclusively } from '../../ledger/exclusively.js';
import type { Clock } from '../../platform/clock.js';
import { sameName } from '../../x509/name.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { findPath, isSelfSigned } from '../../x509/path.js';
import type { Issued, Issuer, Pending } from '../issuer.js';
import type { Agent } from './agent.js';
import { NoSuchInterface } from './answers.js';
import { interfaceNames, type DogtagApi, type InterfaceName, type RequestState } from './api.js';
import { readCaFile, type CaFile } from './ca-file.js';
import { createConnection, type Connection } from './connection.js';
import { follow, type Course } from './follow.js';
import { judge, readable } from './judge.js';
import { negotiate } from './negotiate.js';
import { orderOf, type Order } from './order.js';
import { createRestApi } from './rest.js';
import { caChain, createServletApi } from './servlets.js';
import { renewAuthority } from './sub-ca.js';

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
}

interface Site extends DogtagIssuerParts {
  readonly connection: Connection;
  readonly caFile: CaFile;
}

const defaultTimeoutMs = 30_000;

/** A Dogtag server: same key, agent approval where the profile wants it, and the ledger so that no request is made twice. */
export function createDogtagIssuer(parts: DogtagIssuerParts): Issuer {
  const { issuer, agent, ledger, timeoutMs = defaultTimeoutMs } = parts;
  let opened: Site | undefined;
  const open = (): Site => {
    const caFile = readCaFile(issuer.caFile);
    return { ...parts, caFile, connection: createConnection({ url: issuer.url, ca: caFile.pem, ...(agent === undefined ? {} : { agent }), timeoutMs }) };
  };
  const site = () => (opened ??= open());
  return {
    enrol: async (enrolment) => {
      const order = orderOf(issuer.url, enrolment);
      const here = site();
      return alone(ledger, timeoutMs, () => conversing(here, (api) => enrol(here, api, order)));
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

async function enrol(site: Site, api: DogtagApi, order: Order): Promise<Issued | Pending> {
  const { ledger, clock, caFile } = site;
  const { authority } = order;
  const before = findAsked(ledger, order.key)?.certificate;
  const again = before === undefined ? undefined : await handedOutBefore(site, api, order, before);
  if (again !== undefined) return again;
  if (authority === undefined) return request(site, api, order);
  const renewed = await renewAuthority(api, { ...order, authority }, caFile.certificates, clock());
  return 'certificate' in renewed ? renewed : request(site, api, { ...order, wish: { ...order.wish, ...renewed } });
}

/** The certificate given to the same request before, as long as it is right today and the CA has not revoked it (design rule 5). */
async function handedOutBefore({ connection, caFile, clock }: Site, api: DogtagApi, order: Order, der: Uint8Array): Promise<Issued | undefined> {
  const serial = Buffer.from(parseCertificate(der).serial).toString('hex');
  if ((await api.isRevoked(serial)) === true) return undefined;
  const answer = judge(order, { certificate: der, chain: await caChainOf(connection) }, caFile.certificates, clock());
  return answer instanceof HsmongerError ? undefined : answer;
}

/** Goes on with the request made before, where there is one, and makes one otherwise. */
async function request(site: Site, api: DogtagApi, order: Order): Promise<Issued | Pending> {
  const { connection, ledger, clock } = site;
  connection.greetAsAgent();
  const earlier = await goOn(site, api, order, findAsked(ledger, order.key));
  if (earlier !== undefined) return concluded(site, order, earlier);
  beginAsking(ledger, order.key, clock());
  const state = await refusedIsEnded(site, order, () => api.submit(order.wish));
  rememberRequestId(ledger, order.key, state.id, clock());
  return concluded(site, order, await course(site, api, order, state));
}

/** What became of earlier requests; undefined when none of them leads anywhere. */
async function goOn(site: Site, api: DogtagApi, order: Order, row: AskedRow | undefined): Promise<Course | undefined> {
  const known = row?.certificate === undefined ? (row?.requestId ?? order.requestId) : undefined;
  if (known !== undefined) {
    const state = await api.check(known);
    if (state === undefined) return undefined;
    const found = await course(site, api, order, state);
    if (found.kind === 'issued' || found.kind === 'pending') {
      rememberRequestId(site.ledger, order.key, known, site.clock());
      return found;
    }
    // Refused by a person: said once, not asked again at once. A certificate that is not right leads nowhere.
    return found.kind === 'ended' && state.status === 'refused' ? found : undefined;
  }
  if (row === undefined || row.requestId !== undefined || row.certificate !== undefined) return undefined;
  // A process was killed between asking and hearing the answer.
  for (const state of await api.findLost(order.wish, row.begunAt)) {
    const found = await course(site, api, order, state);
    if (found.kind === 'pending') rememberRequestId(site.ledger, order.key, state.id, site.clock());
    if (found.kind === 'issued' || found.kind === 'pending') return found;
  }
  return undefined;
}

function course({ agent, caFile, clock }: Site, api: DogtagApi, order: Order, state: RequestState): Promise<Course> {
  return follow({ api, order, hasAgent: agent !== undefined, trusted: caFile.certificates, now: clock() }, state);
}

function concluded({ ledger, clock }: Site, order: Order, found: Course): Issued | Pending {
  switch (found.kind) {
    case 'issued':
      rememberCertificate(ledger, order.key, found.answer.certificate, clock());
      return found.answer;
    case 'pending':
      return found.answer;
    case 'ended':
      forgetAsked(ledger, order.key);
      throw found.failure;
    case 'not ours':
      forgetAsked(ledger, order.key);
      throw new HsmongerError('CA_ANSWER_INVALID', 'The CA shows another certificate request under the number it just gave ours, so it was not approved; look at the CA.');
  }
}

/** A refusal is an answer: nothing was lost, and the next SUBMIT need not look for it. */
async function refusedIsEnded<T>({ ledger }: Site, order: Order, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof HsmongerError && (error.code === 'CA_REFUSED' || error.code === 'PROFILE_UNKNOWN' || error.code === 'AGENT_REFUSED')) forgetAsked(ledger, order.key);
    throw error;
  }
}

async function roots({ connection, caFile, clock }: Site): Promise<Pick<Issued, 'chain' | 'roots'>> {
  const certificates = readable(await caChain(connection));
  // In no order: the CA's own is the one that is above none of the others.
  const signing = certificates.find((one) => !certificates.some((other) => other !== one && sameName(other.issuer, one.subject)));
  if (signing === undefined) throw new HsmongerError('CA_ANSWER_INVALID', `The CA at ${connection.url} gives no chain of its own; is another program behind issuer.url?`);
  const found = findPath(signing, [...certificates, ...caFile.certificates], clock());
  if ('fault' in found) throw new HsmongerError('CA_ANSWER_INVALID', `The chain of the CA at ${connection.url} does not validate: ${found.fault}; put the root above it into issuer.ca-file.`);
  return { chain: isSelfSigned(signing) ? [] : [signing, ...found.chain].map(({ der }) => der), roots: found.roots.map(({ der }) => der) };
}

/** For what is handed out again; what it lacks, issuer.ca-file may have. */
async function caChainOf(connection: Connection): Promise<readonly Uint8Array[]> {
  try {
    return await caChain(connection);
  } catch (error) {
    if (error instanceof NoSuchInterface || (error instanceof HsmongerError && error.code === 'CA_ANSWER_INVALID')) return [];
    throw error;
  }
}
