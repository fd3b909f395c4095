/**
 * What certmonger asks of its helper (submit-e.h:62-71), read from the environment. Loads nothing: the operations that need
 * nothing are answered before anything heavy is touched (design rule 9).
 */
export type Operation =
  | { readonly kind: 'identify' }
  | { readonly kind: 'fetch-roots' }
  | { readonly kind: 'supported-templates' }
  | { readonly kind: 'default-template' }
  | { readonly kind: 'new-request-requirements' }
  | { readonly kind: 'renew-request-requirements' }
  /** SUBMIT, and POLL: certmonger sends the CSR with both, so a POLL is a SUBMIT that was asked before, with a cookie or without. */
  | { readonly kind: 'enrol'; readonly variables: EnrolVariables }
  | { readonly kind: 'unsupported'; readonly name: string };

/** As certmonger gives them; a variable with an empty value is never set (submit-e.c:836). */
export interface EnrolVariables {
  readonly csr: string | undefined;
  readonly oldCertificate: string | undefined;
  readonly profile: string | undefined;
  /** What we answered the last time (cookie.ts); POLL alone has one. */
  readonly cookie: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

export function readOperation(env: Environment): Operation {
  const name = env['CERTMONGER_OPERATION'] ?? '';
  switch (name) {
    case 'IDENTIFY':
      return { kind: 'identify' };
    case 'FETCH-ROOTS':
      return { kind: 'fetch-roots' };
    case 'GET-SUPPORTED-TEMPLATES':
      return { kind: 'supported-templates' };
    case 'GET-DEFAULT-TEMPLATE':
      return { kind: 'default-template' };
    case 'GET-NEW-REQUEST-REQUIREMENTS':
      return { kind: 'new-request-requirements' };
    case 'GET-RENEW-REQUEST-REQUIREMENTS':
      return { kind: 'renew-request-requirements' };
    case 'SUBMIT':
    case 'POLL':
      return {
        kind: 'enrol',
        variables: {
          csr: set(env, 'CERTMONGER_CSR'),
          oldCertificate: set(env, 'CERTMONGER_CERTIFICATE'),
          profile: set(env, 'CERTMONGER_CA_PROFILE'),
          cookie: name === 'POLL' ? set(env, 'CERTMONGER_CA_COOKIE') : undefined,
        },
      };
    default:
      // FETCH-SCEP-CA-CERTS, FETCH-SCEP-CA-CAPS, and whatever certmonger learns next.
      return { kind: 'unsupported', name };
  }
}

function set(env: Environment, name: string): string | undefined {
  const value = env[name];
  return value === '' ? undefined : value;
}
