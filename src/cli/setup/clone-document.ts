import * as v from 'valibot';

/** The tables of an instance file that a second host changes; all else goes over as it is. */
const fileTables = v.looseObject({
  token: v.optional(v.looseObject({})),
  nss: v.optional(v.looseObject({}), {}),
  issuer: v.optional(v.looseObject({ type: v.optional(v.string()), owner: v.optional(v.string()) }), {}),
  directory: v.optional(v.looseObject({})),
  saving: v.optional(v.looseObject({})),
  certificate: v.optional(
    v.array(
      v.looseObject({ nickname: v.optional(v.string(), ''), token: v.optional(v.unknown()), 'certificate-file': v.optional(v.unknown()) }),
    ),
    [],
  ),
});

/** What is otherwise on this host than on the one the file is from; undefined: the same. */
export interface HostParts {
  /** This host's name. */
  readonly host: string;
  readonly owner: string | undefined;
  readonly user: string | undefined;
  readonly module: string | undefined;
  readonly moduleEnv: Readonly<Record<string, string>> | undefined;
  readonly moduleParameters: string | undefined;
  readonly pinFile: string | undefined;
  readonly dbdir: string | undefined;
  readonly nssPasswordFile: string | undefined;
  readonly restart: string | undefined;
}

export interface CloneDocument {
  readonly document: Record<string, unknown>;
  /** Who owns ledger and CRL by what is written now; undefined where the issuer is not a CA on a token, or nobody says. */
  readonly owner: string | undefined;
  /** Sentences about what did not come over. */
  readonly leftOut: readonly string[];
}

const pinKeys = ['pin-file', 'pin-env', 'pin-credential', 'pin-unlock'];

/**
 * The instance file of another host as this host's: what lies on the shared token stays, what is the other host's alone is left out.
 * `document`: parsed TOML, not yet checked.
 */
export function cloneDocument(document: unknown, parts: HostParts): CloneDocument {
  const file = v.parse(fileTables, document);
  const { token, nss, issuer, directory, saving, certificate, ...rest } = file;
  const own = certificate.filter((one) => one['certificate-file'] !== undefined || one.token === 'internal');
  const owner = issuer.type === 'token' ? (issuer.owner ?? parts.owner) : undefined;
  return {
    owner,
    leftOut: own.map(
      ({ nickname }) =>
        `'${nickname}' is left out: it lies in the other host's own files or NSS database, not on the token; add it to this file if this host has one of its own.`,
    ),
    document: {
      ...rest,
      ...given('user', parts.user),
      ...(token === undefined
        ? {}
        : {
            token: {
              ...(parts.pinFile === undefined ? token : without(token, pinKeys)),
              ...given('module', parts.module),
              ...given('environment', parts.moduleEnv),
              ...given('parameters', parts.moduleParameters),
              ...given('pin-file', parts.pinFile),
            },
          }),
      nss: { ...nss, ...given('database', parts.dbdir), ...given('password-file', parts.nssPasswordFile) },
      issuer: { ...issuer, ...given('owner', owner) },
      ...(directory === undefined ? {} : { directory: { ...directory, host: parts.host } }),
      ...(saving === undefined && parts.restart === undefined ? {} : { saving: { ...saving, ...given('restart', parts.restart) } }),
      certificate: certificate.filter((one) => !own.includes(one)),
    },
  };
}

function given(key: string, value: unknown): Record<string, unknown> {
  return value === undefined ? {} : { [key]: value };
}

function without(table: Readonly<Record<string, unknown>>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(table).filter(([key]) => !keys.includes(key)));
}
