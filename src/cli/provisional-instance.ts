import path from 'node:path';
import { nameByFlags } from '../config/directories.js';
import { identifier } from '../config/schema/values.js';
import type { Instance } from '../config/instance.js';
import { HsmongerError } from '../errors.js';

/** What flags can say about a token before there is an instance file. */
export interface ProvisionalToken {
  readonly instance: string;
  readonly user: string;
  readonly module: string;
  readonly label?: string;
  /** RFC 7512, naming a token and nothing else; instead of `label`. */
  readonly uri?: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly parameters?: string | undefined;
  readonly pinFile?: string;
  readonly database?: string;
}

/**
 * An instance no file describes yet, enough for looking at the token as its service user, with the state of the instance it becomes. Failed
 * logins are remembered in one place all the same (design rule 4). Without a PIN file the PIN is looked for in HSMONGER_PIN.
 */
export function provisionalInstance(given: ProvisionalToken): Instance {
  if (!identifier.test(given.instance))
    throw new HsmongerError('USAGE', `'${given.instance}' cannot be an instance's name: use letters, digits, '.', '_' and '-'.`);
  return described(given);
}

/** The same for work that no instance comes of: its state is the service user's. */
export function instanceByFlags(given: Omit<ProvisionalToken, 'instance'>): Instance {
  return { ...described({ ...given, instance: nameByFlags(given.user) }), file: 'the flags given' };
}

function described(given: ProvisionalToken): Instance {
  if (given.user === 'root')
    throw new HsmongerError(
      'USAGE',
      'The service user must not be root: what works on the token runs without privileges. Name the user of the CA with --user.',
    );
  return {
    name: given.instance,
    file: `the flags given for '${given.instance}'`,
    user: given.user,
    drop: 'setuid',
    token: {
      selector: given.uri === undefined ? { by: 'label', label: given.label ?? '' } : { by: 'uri', uri: given.uri },
      module: path.resolve(given.module),
      environment: given.environment,
      ...(given.parameters === undefined ? {} : { parameters: given.parameters }),
      pin: given.pinFile === undefined ? { from: 'environment', variable: 'HSMONGER_PIN' } : { from: 'file', path: given.pinFile },
    },
    nss: { database: given.database ?? '/' },
    issuer: { type: 'token', certificate: '', lifetimeDays: {}, backdateSeconds: 60 },
    saving: { guardMinutes: 15 },
    helper: { deadlineSeconds: 120 },
    agent: { probeSeconds: 60, signMinutes: 60, spreadDays: 7, reconcile: 'apply' },
    certificates: [],
  };
}
