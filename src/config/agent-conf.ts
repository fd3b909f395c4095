import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'smol-toml';
import * as v from 'valibot';
import { HsmongerError, sentenceOf } from '../errors.js';
import { distrustOf } from '../platform/trusted-path.js';
import type { Directories } from './instance.js';

/** What concerns the agent as a whole: `<config>/agent.conf`, TOML; every part may be absent, and so may the file. */
export interface AgentConf {
  readonly access: {
    /** Members may read over the bus, and nothing else. */
    readonly group?: string;
  };
  readonly metrics: Listening & {
    /** Written for node_exporter's textfile collector. */
    readonly textfile?: string;
  };
  /** Off unless it listens somewhere. */
  readonly page: Listening;
  readonly notify: {
    /** Absolute program that is run for each event, with the event as JSON on its standard input. */
    readonly command?: string;
    /** Whom it runs as; root only where it is named here. Default the `user` below. */
    readonly user?: string;
    /** Whether events go to the journal with structured fields. Default true. */
    readonly journal: boolean;
    /** Days left from which a certificate is told about as expiring. Default 14. */
    readonly expiringDays: number;
  };
  /** Whoever listens is this user. Default nobody. */
  readonly user: string;
}

export interface Listening {
  /** Absolute path of a unix socket. */
  readonly socket?: string;
  /** Loopback only. */
  readonly listen?: { readonly host: '127.0.0.1' | '::1'; readonly port: number };
}

const absolute = v.pipe(
  v.string(),
  v.check((value) => path.isAbsolute(value) && !/[\0\n\r]/u.test(value), 'must be an absolute path'),
);
const loopback = v.pipe(
  v.string(),
  v.regex(/^(?:127\.0\.0\.1|\[::1\]):\d{1,5}$/u, 'must be 127.0.0.1:PORT or [::1]:PORT; put a proxy in front for other hosts'),
  v.transform((text) => {
    const at = text.lastIndexOf(':');
    return { host: text.startsWith('[') ? ('::1' as const) : ('127.0.0.1' as const), port: Number(text.slice(at + 1)) };
  }),
  v.check(({ port }) => port > 0 && port < 65536, 'must have a port from 1 to 65535'),
);
const listening = { socket: v.exactOptional(absolute), listen: v.exactOptional(loopback) };
const word = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_][A-Za-z0-9._@-]*\$?$/u, 'must be a name'));

/** The whole file, key by key; docs/configuration.md is held against it. */
export const agentConfSchema = v.strictObject({
  access: v.optional(v.strictObject({ group: v.exactOptional(word) }), {}),
  metrics: v.optional(v.strictObject({ ...listening, textfile: v.exactOptional(absolute) }), {}),
  page: v.optional(v.strictObject(listening), {}),
  notify: v.optional(
    v.strictObject({
      command: v.exactOptional(absolute),
      user: v.exactOptional(word),
      journal: v.optional(v.boolean(), true),
      'expiring-days': v.optional(v.pipe(v.number(), v.integer('must be whole days'), v.minValue(1, 'must be at least 1')), 14),
    }),
    {},
  ),
  user: v.optional(v.pipe(word, v.notValue('root', 'must not be root')), 'nobody'),
});

const maxBytes = 64 * 1024;

/** Its path, whether it is there or not. No instance file ends so. */
export function agentConfFile(directories: Pick<Directories, 'config'>): string {
  return path.join(directories.config, 'agent.conf');
}

/** Reads, distrusts and checks it; the defaults where there is none. CONFIG_INVALID with the path of the wrong key, CONFIG_UNSAFE. */
export function loadAgentConf(directories: Pick<Directories, 'config'>): AgentConf {
  const file = agentConfFile(directories);
  const text = readTrusted(file);
  let document: unknown = {};
  try {
    if (text !== undefined) document = parse(text);
  } catch (error) {
    throw new HsmongerError('CONFIG_INVALID', `${file} is not TOML: ${sentenceOf(error)}`, { cause: error });
  }
  const result = v.safeParse(agentConfSchema, document);
  if (!result.success) {
    const [issue] = result.issues;
    const unknown = issue.type === 'strict_object' && issue.expected === 'never';
    throw new HsmongerError(
      'CONFIG_INVALID',
      `In ${file}: '${v.getDotPath(issue) ?? 'the file'}' ${unknown ? 'is not a key hsmonger knows; see agent.conf in docs/configuration.md' : issue.message}.`,
    );
  }
  const {
    notify: { 'expiring-days': expiringDays, ...notify },
    ...rest
  } = result.output;
  return { ...rest, notify: { ...notify, expiringDays } };
}

function readTrusted(file: string): string | undefined {
  try {
    const distrust = distrustOf(file);
    if (distrust !== undefined)
      throw new HsmongerError(
        'CONFIG_UNSAFE',
        `Refusing ${file}: ${distrust}. Whoever can write it chooses what root runs; chown root and chmod go-w what is named.`,
      );
    const stats = statSync(file);
    if (!stats.isFile() || stats.size > maxBytes)
      throw new HsmongerError('CONFIG_INVALID', `${file} is not a regular file of at most 64 KiB.`);
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof HsmongerError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new HsmongerError('CONFIG_INVALID', `Cannot read ${file}: ${sentenceOf(error)}.`, { cause: error });
  }
}
