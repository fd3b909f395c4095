import { HsmongerError } from '../../errors.js';
import { beginAsking, findAsked, forgetAsked, rememberCertificate, rememberRequestId, type AskedRow } from '../../ledger/asked.js';
import type { Database } from '../../ledger/database.js';
import type { Clock } from '../../platform/clock.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import type { Issued, Pending } from '../issuer.js';
import { NoSuchInterface } from './answers.js';
import type { DogtagApi, RequestState } from './api.js';
import type { CaFile } from './ca-file.js';
import type { Connection } from './connection.js';
import { follow, type Course } from './follow.js';
import { judge } from './judge.js';
import type { Order } from './order.js';
import { caChain } from './servlets.js';
import { renewAuthority } from './sub-ca.js';

/** What an enrolment works with. */
export interface Site {
  readonly connection: Connection;
  readonly caFile: CaFile;
  readonly ledger: Database;
  readonly clock: Clock;
}

/**
 * From an order to its certificate, or to what it waits for: every step is in the ledger before the next is taken, so it may be begun
 * again.
 */
export async function enrol(site: Site, api: DogtagApi, order: Order): Promise<Issued | Pending> {
  const { ledger, clock, caFile } = site;
  const { authority } = order;
  const before = findAsked(ledger, order.key)?.certificate;
  const again = before === undefined ? undefined : await handedOutBefore(site, api, order, before);
  if (again !== undefined) return again;
  if (authority === undefined) return request(site, api, order);
  const renewed = await renewAuthority(api, { ...order, authority }, caFile.certificates, clock);
  return 'certificate' in renewed ? renewed : request(site, api, { ...order, wish: { ...order.wish, ...renewed } });
}

/** The certificate given to the same request before, as long as it is right today and the CA has not revoked it (design rule 5). */
async function handedOutBefore(
  { connection, caFile, clock }: Site,
  api: DogtagApi,
  order: Order,
  der: Uint8Array,
): Promise<Issued | undefined> {
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

function course({ connection, caFile, clock }: Site, api: DogtagApi, order: Order, state: RequestState): Promise<Course> {
  return follow({ api, order, hasAgent: connection.hasAgent, trusted: caFile.certificates, clock }, state);
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
      throw new HsmongerError(
        'CA_ANSWER_INVALID',
        'The CA shows another certificate request under the number it just gave ours, so it was not approved; look at the CA.',
      );
  }
}

/** A refusal is an answer: nothing was lost, and the next SUBMIT need not look for it. */
async function refusedIsEnded<T>({ ledger }: Site, order: Order, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (
      error instanceof HsmongerError &&
      (error.code === 'CA_REFUSED' || error.code === 'PROFILE_UNKNOWN' || error.code === 'AGENT_REFUSED')
    )
      forgetAsked(ledger, order.key);
    throw error;
  }
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
