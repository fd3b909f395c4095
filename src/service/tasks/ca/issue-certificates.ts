import { availableParallelism } from 'node:os';
import { caConfig } from '../../../config/ca-config.js';
import { assertOwner } from '../../../config/ledger-owner.js';
import { sessionsOf, tokenOf } from '../../../config/token-of.js';
import { isProfileName } from '../../../config/profile-names.js';
import { HsmongerError } from '../../../errors.js';
import { profiles } from '../../../issuer/profiles.js';
import type { Authority } from '../../../issuer/token/authority.js';
import { clerkHere, deskFor, type Clerks, type Desk } from '../../../issuer/token/issuance/clerk.js';
import { issueMany } from '../../../issuer/token/issuance/issue-many.js';
import type { IssueOrder } from '../../../issuer/token/issuance/order.js';
import { assertUsagesFit } from '../../../issuer/token/issuance/ordered-usages.js';
import { issuingCa, type IssuingCa } from '../../../issuer/token/issuance/prepared.js';
import type { IssueResult, NamedRequest } from '../../../issuer/token/issuance/results.js';
import { openSigningPool } from '../../../pkcs11/signing/pool.js';
import { encodeGeneralName, type GeneralName } from '../../../x509/names/general-name.js';
import { openClerkThreads } from '../../clerks/clerk-threads.js';
import type { ServiceContext } from '../../context.js';
import { ownAuthority, tokenIssuerOf } from '../../own-authority.js';

/** What is said beside the requests; see IssueOrder. */
export interface OrderInput extends Omit<IssueOrder, 'profile' | 'names'> {
  /** A profile's name. */
  readonly profile: string;
  readonly names?: readonly GeneralName[];
}

interface Input extends OrderInput {
  readonly requests: readonly NamedRequest[];
}

/** DER, what stands above the certificates: the CA's own, those in between, and the roots. */
export interface Above {
  readonly chain: readonly Uint8Array[];
  readonly roots: readonly Uint8Array[];
}

/** The answer, and each part of it that progress carries. */
export interface Issued extends Above {
  readonly results: readonly IssueResult[];
}

/** Requests from which on threads save more time than it takes to begin them. */
const many = 100;
/** What is under way at once keeps no more of them busy, and each has memory of its own. */
const mostThreads = 8;

/**
 * Issues a certificate for each request; one result for each, in their order. What is committed to the ledger is handed over as it comes.
 */
export async function issueCertificates(context: ServiceContext, { requests, ...input }: Input): Promise<Issued> {
  const order = orderOf(input);
  const signal = context.interruption();
  const threads = openClerkThreads(requests.length < many ? 0 : Math.min(mostThreads, availableParallelism()));
  try {
    const ca = await issuingCaOf(context);
    return {
      results: await issueThrough(context, ca, order, requests, signal, requests.length < many ? clerkHere : (desk) => threads.at(desk)),
      ...aboveOf(ca.authority),
    };
  } finally {
    await threads.end();
  }
}

/** The issuing itself. No session of this process is to be open: the pool takes its own. */
export async function issueThrough(
  context: ServiceContext,
  ca: IssuingCa,
  order: IssueOrder,
  requests: readonly NamedRequest[],
  signal: AbortSignal,
  clerksAt: (desk: Desk) => Clerks = clerkHere,
): Promise<IssueResult[]> {
  const { certificate, id } = ca.authority;
  const sessions = sessionsOf(tokenOf(context.instance));
  const desk = deskFor(ca, order, context.clock());
  const pool = await openSigningPool(() => context.openToken(), { by: 'public-key', spki: certificate.spki, id }, sessions);
  try {
    return await issueMany(
      {
        desk,
        clerks: clerksAt(desk),
        ledger: context.ledger(),
        clock: context.clock,
        uid: process.geteuid?.() ?? -1,
        sign: (algorithm, data) => pool.sign(algorithm, data),
        sessions,
        busyMs: context.instance.helper.deadlineSeconds * 500,
        progress: (done, total, results) => {
          context.progress(done, total, { results, ...aboveOf(ca.authority) } satisfies Issued);
        },
        signal,
      },
      requests,
    );
  } finally {
    await pool.close();
  }
}

export function orderOf({ profile, names, ...rest }: OrderInput): IssueOrder {
  if (!isProfileName(profile)) throw new HsmongerError('PROFILE_UNKNOWN', `There is no profile '${profile}'.`);
  if (rest.extendedKeyUsage !== undefined) assertUsagesFit(profiles[profile], rest.extendedKeyUsage);
  return { ...rest, profile: profiles[profile], ...(names === undefined ? {} : { names: names.map(encodeGeneralName) }) };
}

/** The instance's CA, its chain known, and no session left open; needs no PIN unless certificates of two keys have its nickname. */
export async function issuingCaOf(context: ServiceContext): Promise<IssuingCa> {
  const { instance } = context;
  const issuer = tokenIssuerOf(instance);
  assertOwner(instance, 'issue the certificate');
  const token = await context.openToken();
  try {
    return issuingCa(await ownAuthority(context, token), issuer, caConfig(instance));
  } finally {
    await token.close();
  }
}

export function aboveOf({ certificate, path }: Authority): Above {
  const chain = [certificate, ...path.chain].filter((one) => !path.roots.includes(one));
  return { chain: chain.map(({ der }) => der), roots: path.roots.map(({ der }) => der) };
}
