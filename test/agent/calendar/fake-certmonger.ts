import 'reflect-metadata';
import { X509CertificateGenerator } from '@peculiar/x509';
import { webcrypto } from 'node:crypto';
import type { Certmonger } from '../../../dbus/certmonger.js';
import { trackingRequestOf, type TrackingRequest } from '../../../dbus/tracking-request.js';

/**
 * Requests that are renewed 50 ms after they were resubmitted, with certificates that live for 720 days; what the real daemon takes minutes
 * for, and failures it cannot be made to show.
 */
export interface FakeCertmonger {
  readonly client: Partial<Certmonger>;
  requests(): readonly TrackingRequest[];
  /** Ids, in order. */
  resubmitted(): readonly string[];
  renewed(): readonly string[];
  /** The most that were under way at one time. */
  atOnce(): number;
  refuse(id: string): void;
  hang(id: string): void;
  finish(id: string): void;
  change(nickname: string, edit: (request: TrackingRequest) => TrackingRequest): void;
  add(nicknames: readonly string[], notAfter: Date): void;
}

export interface FakeOptions {
  readonly instance: string;
  readonly database: string;
  readonly token: string;
  /** The first is the CA's. */
  readonly names: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly clock: () => Date;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
/**
 * The same in every run: planned moments follow from key and serial number, and of two that would come within the hour one is moved away,
 * and back when the other is over.
 */
const key = {
  kty: 'EC',
  crv: 'P-256',
  x: 'uk-WsF0y6EjkchjX7xmERLzO1PLVBS_wcRtLAgQvjZ8',
  y: '7pxF1JlFA6YHg454XdIg1ZeUEpRhgIeOttWu512901U',
  d: 'lyxsmuATijN1k1jEl4aQMiQf7eaaOeFx27TzKgWjSYA',
} as const;
const idOf = (instance: string, nickname: string) => `${instance}.${nickname.replace(/[^A-Za-z0-9._-]/gu, '_')}`;

export async function fakeCertmonger({
  instance,
  database,
  token,
  names,
  notBefore,
  notAfter,
  clock,
}: FakeOptions): Promise<FakeCertmonger> {
  const [privateKey, publicKey] = await Promise.all([
    webcrypto.subtle.importKey('jwk', key, algorithm, true, ['sign']),
    webcrypto.subtle.importKey('jwk', { kty: key.kty, crv: key.crv, x: key.x, y: key.y }, algorithm, true, ['verify']),
  ]);
  let serial = 1;
  const issue = async (nickname: string, from: Date, to: Date) => {
    serial += 1;
    const certificate = await X509CertificateGenerator.create(
      {
        serialNumber: serial.toString(16).padStart(4, '0'),
        subject: `CN=${nickname}`,
        issuer: `CN=${names[0] ?? ''}`,
        notBefore: from,
        notAfter: to,
        publicKey,
        signingKey: privateKey,
        signingAlgorithm: algorithm,
      },
      webcrypto as Crypto,
    );
    return `${certificate.toString('pem')}\n`;
  };
  const requests = new Map<string, TrackingRequest>();
  const put = async (nickname: string, from: Date, to: Date, status = 'MONITORING') => {
    const id = idOf(instance, nickname);
    const storage = { type: 'NSSDB', file: undefined, database: `sql:${database}`, nickname, token, owner: undefined, perms: undefined };
    const blank = trackingRequestOf('/', {}, instance);
    requests.set(id, {
      ...blank,
      nickname: id,
      status,
      monitoring: true,
      autorenew: true,
      keyStorage: storage,
      certificateStorage: storage,
      key: { ...blank.key, type: 'EC', size: 256 },
      certificate: { ...blank.certificate, pem: await issue(nickname, from, to), notBefore: from, notAfter: to },
    });
  };
  for (const nickname of names) await put(nickname, notBefore, notAfter);
  const resubmitted: string[] = [];
  const renewed: string[] = [];
  const refused = new Set<string>();
  const hung = new Set<string>();
  let most = 0;
  const set = (id: string, edit: (request: TrackingRequest) => TrackingRequest) => {
    const request = requests.get(id);
    if (request !== undefined) requests.set(id, edit(request));
  };
  const finish = async (id: string) => {
    const nickname = requests.get(id)?.certificateStorage.nickname ?? '';
    if (refused.has(id)) {
      set(id, (request) => ({ ...request, status: 'MONITORING', caError: 'refused' }));
      return;
    }
    await put(nickname, clock(), new Date(clock().getTime() + 720 * 86_400_000));
    renewed.push(id);
  };
  const handle = (id: string) => ({
    nickname: id,
    find: () => Promise.resolve(requests.get(id)),
    read: () => Promise.resolve(requests.get(id)!),
    modify: () => Promise.resolve(),
    readAnew: () => Promise.resolve(),
    omitNetscapeType: () => Promise.resolve(),
    refresh: () => Promise.resolve(true),
    remove: () => Promise.resolve(),
    resubmit: () => {
      resubmitted.push(id);
      set(id, (request) => ({ ...request, status: 'SUBMITTING' }));
      most = Math.max(most, [...requests.values()].filter(({ status }) => status === 'SUBMITTING').length);
      if (!hung.has(id)) setTimeout(() => void finish(id), 50);
      return Promise.resolve(true);
    },
  });
  return {
    client: { request: handle, listRequests: () => Promise.resolve([...requests.values()]) },
    requests: () => [...requests.values()],
    resubmitted: () => resubmitted,
    renewed: () => renewed,
    atOnce: () => most,
    refuse: (id) => refused.add(id),
    hang: (id) => hung.add(id),
    finish: (id) => void finish(id),
    change: (nickname, edit) => {
      set(idOf(instance, nickname), edit);
    },
    add: (nicknames, until) => {
      for (const nickname of nicknames) void put(nickname, notBefore, until);
    },
  };
}
