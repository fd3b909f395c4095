import pkcs11js from 'pkcs11js';
import { HsmongerError } from '../errors.js';
import { census } from './objects/census.js';
import { calling, tokenFailure } from './ckr.js';
import { userStates, type Cryptoki, type Handle } from './cryptoki.js';
import { generateKeyPair } from './objects/key-pair.js';
import { findPrivateKey, privateKeys, protectionOf, type KeyObjectOnToken } from './objects/keys.js';
import { changePin } from './pin/change-pin.js';
import { logIn, logInForOperation, type LoginMeans } from './pin/login.js';
import { keyTypeFor, mechanismName, rememberedWays } from './signing/mechanisms.js';
import { moveId } from './objects/move-id.js';
import { attribute, findObjects } from './objects/objects.js';
import { publicKeys } from './objects/public-keys.js';
import { serialQueue } from './serial-queue.js';
import { signWith } from './signing/sign.js';
import { describe, type TokenInSlot } from './slots.js';
import { certificateObject, storeCertificate } from './objects/store-certificate.js';
import type { Token, TokenCertificate, TokenKey } from './token.js';

export interface SessionParts {
  readonly cryptoki: Cryptoki;
  readonly found: TokenInSlot;
  /** Real path of the module: the PIN's failures are remembered by it, whatever link an instance file names. */
  readonly module: string;
  /** See TokenConfig. */
  readonly asCopy?: string;
  readonly access: 'read' | 'write';
  readonly means: LoginMeans;
  /** Whether the module is the one the session was opened in, not initialised anew since. Default: always. */
  readonly isCurrent?: () => boolean;
  /** After C_CloseSession. */
  readonly release: () => void;
}

/** Opens a session on a token that was found. Everything a caller asks for waits in one queue. */
export function openSession({ cryptoki, found, module, asCopy, access, means, isCurrent = () => true, release }: SessionParts): Token {
  const { slot, description } = found;
  const { label } = description;
  const on = `token '${label}'`;
  const wish = pkcs11js.CKF_SERIAL_SESSION | (access === 'write' ? pkcs11js.CKF_RW_SESSION : 0);
  const session = calling(`Opening a session on ${on}`, () => cryptoki.C_OpenSession(slot, wish));
  const site = {
    cryptoki,
    slot,
    session,
    label,
    guardKey: [module, description.serial, label, ...(asCopy === undefined ? [] : [asCopy])].join('\n'),
  };
  const shelf = { cryptoki, session, token: description };
  const ways = rememberedWays(cryptoki, slot, label);
  const inTurn = serialQueue();
  const objects = new WeakMap<TokenKey, KeyObjectOnToken>();
  let closed = false;
  /** Whether a signature may count on the login: a network HSM answers the question with a journey of its own each time. */
  let loggedIn = false;

  const known = (object: KeyObjectOnToken): TokenKey => {
    objects.set(object.key, object);
    return object.key;
  };

  /** One step in its turn, PKCS#11 failures turned into ours. */
  const step = <T>(doing: string, work: () => T | Promise<T>, options: { readonly login: boolean }): Promise<T> =>
    inTurn(async () => {
      if (closed) throw new HsmongerError('SESSION_LOST', `${doing} failed: the session has been closed.`);
      if (!isCurrent())
        throw new HsmongerError(
          'SESSION_LOST',
          `${doing} failed: another part of this process has finalised the module, and the session with it; the next attempt opens a new one.`,
        );
      try {
        if (options.login) await logIn(site, means);
        return await work();
      } catch (error) {
        throw tokenFailure(error, doing);
      }
    });

  /** With the login as it was found last, asked after anew once something has failed. */
  const whileLoggedIn = async <T>(work: () => Promise<T>): Promise<T> => {
    if (!loggedIn) await logIn(site, means);
    loggedIn = false;
    const answer = await work();
    loggedIn = true;
    return answer;
  };

  const certificateOf = (object: Handle): TokenCertificate[] => {
    const der = attribute(cryptoki, session, object, pkcs11js.CKA_VALUE);
    // An object that only points to a certificate elsewhere (CKA_URL) has none.
    if (der === undefined || der.length === 0) return [];
    const id = new Uint8Array(attribute(cryptoki, session, object, pkcs11js.CKA_ID) ?? []);
    return [{ id, label: attribute(cryptoki, session, object, pkcs11js.CKA_LABEL)?.toString('utf8') ?? '', der: new Uint8Array(der) }];
  };

  const isExactly = (object: Handle, der: Buffer) => attribute(cryptoki, session, object, pkcs11js.CKA_VALUE)?.equals(der) === true;

  const foundHere = (key: TokenKey): KeyObjectOnToken => {
    const object = objects.get(key);
    if (object === undefined)
      throw new HsmongerError('KEY_UNUSABLE', `The key was not found through this session on ${on}; look it up again before using it.`);
    return object;
  };

  return {
    description,
    certificates: (wanted) =>
      step(
        `Reading the certificates of ${on}`,
        () => {
          const chosen =
            wanted === undefined
              ? []
              : [
                  typeof wanted === 'string'
                    ? { type: pkcs11js.CKA_LABEL, value: wanted }
                    : 'subject' in wanted
                      ? { type: pkcs11js.CKA_SUBJECT, value: Buffer.from(wanted.subject) }
                      : { type: pkcs11js.CKA_ISSUER, value: Buffer.from(wanted.issuer) },
                ];
          return findObjects(cryptoki, session, [...certificateObject, ...chosen]).flatMap(certificateOf);
        },
        { login: false },
      ),
    login: () => step(`Logging in to ${on}`, () => undefined, { login: true }),
    keys: (more) =>
      step(
        `Reading the keys of ${on}`,
        () =>
          privateKeys(shelf).map((object) =>
            known(more === undefined ? object : { ...object, key: { ...object.key, protection: protectionOf(shelf, object.handle) } }),
          ),
        { login: true },
      ),
    publicKeys: () => step(`Reading the public keys of ${on}`, () => publicKeys(shelf).map(({ key }) => key), { login: true }),
    census: (sight) => step(`Counting what is on ${on}`, () => census(cryptoki, session), { login: sight === 'everything' }),
    findKey: (selector) => step(`Looking for a key on ${on}`, () => known(findPrivateKey(shelf, selector)), { login: true }),
    sign: (key, algorithm, data, madeBy) =>
      step(
        `Signing on ${on}`,
        async () => {
          const object = foundHere(key);
          if (key.type !== keyTypeFor[algorithm.scheme])
            throw new HsmongerError(
              'KEY_UNUSABLE',
              `The key '${key.label}' on ${on} is of type ${key.type}, and a signature of the kind ${algorithm.scheme} wants ${keyTypeFor[algorithm.scheme]}.`,
            );
          const { signature, mechanism } = await whileLoggedIn(() =>
            signWith(
              { ...site, ways },
              object.handle,
              algorithm,
              data,
              object.alwaysAuthenticate ? () => logInForOperation(site, means) : undefined,
            ),
          );
          madeBy?.(mechanism);
          return signature;
        },
        { login: false },
      ),
    pulse: () =>
      step(
        `Asking ${on} for its state`,
        () => {
          const now = describe(cryptoki, slot);
          if (now?.serial !== description.serial || now.label !== label)
            throw new HsmongerError(
              'TOKEN_NOT_FOUND',
              `The ${on} is no longer in its slot${now === undefined ? '' : `, but '${now.label}' with serial ${now.serial}`}; put it back.`,
            );
          if (now.loginRequired && !userStates.includes(cryptoki.C_GetSessionInfo(session).state))
            throw new HsmongerError(
              'SESSION_LOST',
              `The login to ${on} has ended (the device was reset or logged out); the next attempt logs in again.`,
            );
          return now;
        },
        { login: false },
      ),
    // Every object has a class (PKCS#11 2.40 §4.2).
    confirm: (key) =>
      step(
        `Looking for a key on ${on} again`,
        () => void cryptoki.C_GetAttributeValue(session, foundHere(key).handle, [{ type: pkcs11js.CKA_CLASS }]),
        { login: false },
      ),
    changePin: (next, mayGoOn) => step(`Changing the PIN of ${on}`, () => changePin(site, means, next, mayGoOn), { login: true }),
    mechanisms: () => step(`Listing the mechanisms of ${on}`, () => cryptoki.C_GetMechanismList(slot).map(mechanismName), { login: false }),
    generateKeyPair: (order) =>
      step(`Making a key on ${on}`, async () => known(await generateKeyPair(shelf, slot, order)), { login: true }),
    storeCertificate: (der, place) => step(`Storing a certificate on ${on}`, () => storeCertificate(shelf, der, place), { login: true }),
    moveId: (move, begin) => step(`Changing a CKA_ID on ${on}`, () => moveId(shelf, move, begin), { login: true }),
    destroyCertificates: (der) =>
      step(
        `Removing a certificate from ${on}`,
        () => {
          const value = Buffer.from(der);
          // The search is a hint only: what is destroyed has been read back and is this certificate, octet for octet (design rule 2).
          const doomed = findObjects(cryptoki, session, [...certificateObject, { type: pkcs11js.CKA_VALUE, value }]).filter((object) =>
            isExactly(object, value),
          );
          for (const object of doomed) cryptoki.C_DestroyObject(session, object);
          return doomed.length;
        },
        { login: true },
      ),
    close: () =>
      inTurn(() => {
        if (closed) return;
        closed = true;
        try {
          // No C_Logout: it would end the login of every other session of this process.
          if (isCurrent()) cryptoki.C_CloseSession(session);
        } catch {
          // A session that is gone is closed.
        } finally {
          release();
        }
      }),
  };
}
