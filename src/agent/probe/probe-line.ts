import * as v from 'valibot';
import type { InstanceSite } from '../../config/instance.js';
import { decode } from '../../service/wire.js';
import type { EnvironmentProbe } from './environment-probe.js';
import type { HowToLook, TokenLook } from './token-prober.js';

/**
 * What the agent asks of the process that probes, the first line of its standard input; each HowToLook after it is a line, and the end
 * means that the agent is gone.
 */
export interface ProbeOrder extends InstanceSite {
  /** The variables the PIN source names. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Root binds to the directory and asks it something before the drop: only a process that looks once can. */
  readonly bind: boolean;
}

export type { HowToLook };

/** What that process answers: `step` as often as it gets on, one `look` for each line asked, `end` where it cannot go on. */
export type ProbeLine =
  | { readonly kind: 'step' }
  | ({ readonly kind: 'look'; readonly token?: TokenLook } & EnvironmentProbe)
  | { readonly kind: 'end'; readonly code: string; readonly message: string };

const problem = { code: v.string(), problem: v.string() };
const verdict = v.union([
  v.object({ ok: v.literal(true) }),
  v.object({ ok: v.literal(false), code: v.exactOptional(v.string()), problem: v.string() }),
]);
const login = v.variant('state', [
  v.object({ state: v.literal('proven'), source: v.string() }),
  v.object({ state: v.literal('refused'), source: v.exactOptional(v.string()), ...problem }),
  v.object({ state: v.literal('no PIN'), ...problem }),
  v.object({ state: v.literal('unanswered'), ...problem }),
]);
const key = v.union([
  v.object({ ok: v.literal(true), latencyMs: v.exactOptional(v.number()) }),
  v.object({ ok: v.literal(false), ...problem }),
]);
const token = v.variant('state', [
  v.object({ state: v.literal('away'), ...problem }),
  v.object({
    state: v.literal('present'),
    pin: v.picklist(['fine', 'count-low', 'final-try', 'locked']),
    login,
    keys: v.record(v.string(), key),
  }),
]);
const line = v.variant('kind', [
  v.object({ kind: v.literal('step') }),
  v.object({
    kind: v.literal('look'),
    token: v.exactOptional(v.object({ probe: token, signatures: v.pipe(v.number(), v.integer(), v.minValue(0)) })),
    nss: v.exactOptional(v.object({ unwritable: v.array(v.string()) })),
    directory: v.exactOptional(verdict),
    ca: v.exactOptional(verdict),
    disk: v.exactOptional(verdict),
  }),
  v.object({ kind: v.literal('end'), code: v.string(), message: v.string() }),
]);

/** Throws on anything else: the process reads what is not trusted, and runs a PKCS#11 module. */
export function parseProbeLine(text: string): ProbeLine {
  return v.parse(line, decode(text));
}
