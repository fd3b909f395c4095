import type { Check } from './check.js';
import type { DoctorFacts } from './facts.js';

/** A part of the facts that is gathered by itself. */
export type Part = Exclude<keyof DoctorFacts, 'instance' | 'now' | 'views'>;

/** What the checks of each source look at. */
const bySource: Readonly<Record<string, readonly Part[]>> = {
  'hsmonger.module': ['token'],
  'hsmonger.token': ['token', 'nss'],
  'hsmonger.pin': ['token', 'internal'],
  'hsmonger.certificates': ['token', 'internal'],
  'hsmonger.keys': ['token', 'internal'],
  'hsmonger.nss': ['nss', 'internal', 'token'],
  'hsmonger.certmonger': ['certmonger', 'state'],
  'hsmonger.tracking': ['certmonger'],
  'hsmonger.chain': ['chain'],
  'hsmonger.servers': ['servers', 'chain'],
  'hsmonger.files': ['files', 'chain'],
  'hsmonger.state': ['state', 'chain', 'certmonger'],
  'hsmonger.host': ['host', 'state', 'chain', 'servers'],
};

/** Checks that look at other parts than those of their source do. */
const byName: Readonly<Record<string, readonly Part[]>> = {
  TokenMechanisms: ['token', 'internal'],
  DiskSpace: ['host'],
  StateFiles: ['files'],
  ProgramsSafe: ['files'],
  ConfigurationSafe: ['files'],
  RefusedPins: ['state'],
};

/** What a part is gathered from. */
const from: Readonly<Record<Part, readonly Part[]>> = {
  token: [],
  nss: [],
  internal: [],
  chain: ['token', 'internal'],
  certmonger: ['token', 'internal'],
  servers: ['chain'],
  files: [],
  state: [],
  host: [],
};

/** The parts of the facts that these checks look at, and what those are gathered from. */
export function partsFor(checks: readonly Pick<Check, 'source' | 'name'>[]): ReadonlySet<Part> {
  const wanted = new Set<Part>();
  const add = (part: Part) => {
    if (wanted.has(part)) return;
    wanted.add(part);
    from[part].forEach(add);
  };
  for (const check of checks) (byName[check.name] ?? bySource[check.source] ?? (Object.keys(from) as Part[])).forEach(add);
  return wanted;
}
