import { sign } from 'node:crypto';
import { HsmongerError } from '../../src/errors.js';
import type { Token, TokenCertificate, TokenKey } from '../../src/pkcs11/token.js';
import { readableCertificates } from '../../src/x509/readable-certificates.js';
import { hex, type Keys } from '../x509/material.js';

/** A token whose keys are in memory: for decisions, and for failures that a real one cannot be made to show. */
export function fakeToken(
  certificates: readonly { readonly label: string; readonly der: Uint8Array }[],
  keys: readonly Keys[],
  overrides: Partial<Token> = {},
): Token & { readonly signatures: () => number } {
  let signatures = 0;
  const tokenKey = ({ spki }: Keys): TokenKey => ({
    id: spki.slice(-20),
    label: '',
    type: 'RSA',
    size: 2048,
    spki,
    sensitive: true,
    extractable: false,
    canSign: true,
  });
  const never = () => Promise.reject(new Error('Nobody should ask this.'));
  return {
    description: {
      slotId: 1,
      label: 'fake',
      manufacturer: '',
      model: '',
      serial: '',
      loginRequired: true,
      initialized: true,
      writeProtected: false,
      pin: 'fine',
    },
    certificates: (wanted) =>
      Promise.resolve(
        certificates
          .filter(
            (one) =>
              wanted === undefined ||
              (typeof wanted === 'string'
                ? one.label === wanted
                : readableCertificates([one.der]).some(({ subject, issuer }) =>
                    'subject' in wanted ? hex(subject) === hex(wanted.subject) : hex(issuer) === hex(wanted.issuer),
                  )),
          )
          .map((one): TokenCertificate => ({ ...one, id: Uint8Array.of(1) })),
      ),
    login: () => Promise.resolve(),
    keys: () => Promise.resolve(keys.map(tokenKey)),
    findKey: (selector) => {
      const found = keys.find(({ spki }) => selector.by === 'public-key' && hex(spki) === hex(selector.spki));
      return found === undefined
        ? Promise.reject(new HsmongerError('KEY_NOT_FOUND', 'The key is not on the token.'))
        : Promise.resolve(tokenKey(found));
    },
    sign: (key, algorithm, data) => {
      signatures += 1;
      const found = keys.find(({ spki }) => key.spki !== undefined && hex(spki) === hex(key.spki));
      return found === undefined
        ? never()
        : Promise.resolve(Uint8Array.from(sign('digest' in algorithm ? algorithm.digest : null, data, found.privateKey)));
    },
    pulse: never,
    confirm: never,
    census: never,
    mechanisms: () => Promise.resolve([]),
    generateKeyPair: never,
    storeCertificate: never,
    publicKeys: never,
    moveId: never,
    destroyCertificates: never,
    changePin: () => Promise.reject(new Error('The fake has no PIN.')),
    close: () => Promise.resolve(),
    ...overrides,
    signatures: () => signatures,
  };
}
