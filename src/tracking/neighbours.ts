import type { Directories, Instance, InstanceSite } from '../config/instance.js';
import { instanceNames, loadInstance } from '../config/load.js';
import { tokenOn } from '../config/token-views.js';
import { HsmongerError } from '../errors.js';
import { askService } from '../service/ask.js';
import { clashesOf, plannedClashes, type Applicant, type Clashes, type Planned, type Resident } from './clashes.js';

/**
 * What speaks against this instance, as it is or as it would be, beside the others of this host. Their tokens are asked who they are,
 * without a login; a file that cannot be read is its own instance's trouble.
 */
export async function clashesBeside({ instance, directories }: InstanceSite): Promise<Clashes> {
  const others = neighboursOf({ instance, directories });
  // Alone there is nobody to clash with, and no token is asked.
  const all = others.length === 0 ? [] : await Promise.all([instance, ...others].map((one) => residentOf({ instance: one, directories })));
  const [own = { instance, tokens: [] }, ...rest] = all;
  return clashesOf(own, rest);
}

/**
 * Before anything is made for a certificate that is to be on one of the instance's tokens, or for a CA that is to be: PREFLIGHT_FAILED where
 * it would clash with another instance.
 */
export async function assertNoClashes(place: InstanceSite, planned: Planned): Promise<void> {
  const { instance, directories } = place;
  const others = neighboursOf(place);
  if (others.length === 0) return;
  const own = await residentOf(place);
  const all = await Promise.all(others.map(async (other) => applicantOf({ instance: other, directories })));
  const [first, ...more] = [...plannedClashes(own, planned, all), ...clashesOf(own, all).refusals];
  if (first === undefined) return;
  throw new HsmongerError(
    'PREFLIGHT_FAILED',
    `Nothing was made for instance '${instance.name}': ${first.problem} ${first.fix}${more.length === 0 ? '' : ` (and ${String(more.length)} more)`}`,
  );
}

async function applicantOf(place: InstanceSite): Promise<Applicant> {
  const resident = await residentOf(place);
  if (place.instance.issuer.type !== 'token') return resident;
  const asksFor = await askService(place, 'subject asked for', undefined).catch(() => undefined);
  return asksFor === undefined ? resident : { ...resident, asksFor };
}

/** The other instances of the host whose files can be read. */
export function neighboursOf({ instance, directories }: InstanceSite): Instance[] {
  return instanceNames(directories)
    .filter((name) => name !== instance.name)
    .flatMap((name) => readable(directories, name));
}

async function residentOf(place: InstanceSite): Promise<Resident> {
  const { instance } = place;
  const identified = await askService(place, 'identify tokens', undefined).catch(() => []);
  const names = [...(instance.token === undefined ? [] : [undefined]), ...Object.keys(instance.otherTokens ?? {})];
  return {
    instance,
    tokens: names.map((on) => {
      const description = identified.find((token) => token.on === on)?.description;
      return { ...(on === undefined ? {} : { on }), config: tokenOn(instance, on), ...(description === undefined ? {} : { description }) };
    }),
  };
}

function readable(directories: Directories, name: string): Instance[] {
  try {
    return [loadInstance(directories, name)];
  } catch (error) {
    if (error instanceof HsmongerError) return [];
    throw error;
  }
}
