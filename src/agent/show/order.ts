import * as v from 'valibot';
import type { AgentConf, Listening } from '../../config/agent-conf.js';

/** What the agent asks of the process that listens, the first line of its standard input; snapshots follow, one for each time it asks. */
export interface ShowOrder {
  /** Whom it becomes. */
  readonly user: string;
  /** Members may connect to unix sockets, besides root. */
  readonly gid?: number;
  readonly listeners: readonly Listener[];
  /** Told in the page's title. */
  readonly host: string;
}

export interface Listener {
  readonly at: Address;
  readonly serves: readonly Service[];
}

export type Address = { readonly socket: string } | { readonly host: '127.0.0.1' | '::1'; readonly port: number };
export type Service = 'metrics' | 'page';

/** Metrics and page may share an address. */
export function listenersOf({ metrics, page }: Pick<AgentConf, 'metrics' | 'page'>): Listener[] {
  const found = new Map<string, { at: Address; serves: Service[] }>();
  for (const [service, at] of [
    ...addresses(metrics).map((one) => ['metrics', one] as const),
    ...addresses(page).map((one) => ['page', one] as const),
  ]) {
    const known = found.get(nameOf(at)) ?? { at, serves: [] };
    known.serves.push(service);
    found.set(nameOf(at), known);
  }
  return [...found.values()];
}

/** As it is written in agent.conf. */
export function nameOf(at: Address): string {
  return 'socket' in at ? at.socket : `${at.host.includes(':') ? `[${at.host}]` : at.host}:${String(at.port)}`;
}

function addresses({ socket, listen }: Listening): Address[] {
  return [...(socket === undefined ? [] : [{ socket }]), ...(listen === undefined ? [] : [listen])];
}

/** What it says back, a line each: it is not trusted, so it can ask for the next snapshot and tell how it is, and nothing else. */
export type ShowLine = { readonly kind: 'ask' } | { readonly kind: 'listening' } | { readonly kind: 'end'; readonly message: string };

const schema = v.variant('kind', [
  v.object({ kind: v.literal('ask') }),
  v.object({ kind: v.literal('listening') }),
  v.object({ kind: v.literal('end'), message: v.string() }),
]);

/** Throws on anything else. */
export function parseShowLine(text: string): ShowLine {
  return v.parse(schema, JSON.parse(text));
}
