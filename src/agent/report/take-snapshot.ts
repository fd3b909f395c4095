import type { CertificateConfig, Instance } from '../../config/instance.js';
import { tokenName } from '../../config/token-of.js';
import { tokenOn, tokenViews } from '../../config/token-views.js';
import type { Probe } from '../../diagnosis/probe.js';
import type { Caretaker } from '../instances/instance-supervisor.js';
import { ownRequest } from '../instances/own-request.js';
import type { Picture, Sighting } from '../requests/request-cache.js';
import type { AgentSnapshot, CertificateSnapshot, InstanceSnapshot, RequestSnapshot, TokenSnapshot } from './snapshot.js';

/** What a caretaker knows, as far as it is shown. */
export interface Cared {
  readonly instance: Instance;
  readonly care: { readonly prober: Pick<Caretaker['care']['prober'], 'latest' | 'signatures'> };
  readonly healer: Pick<Caretaker['healer'], 'diagnoses' | 'instance'>;
  readonly reconciler: Pick<Caretaker['reconciler'], 'latest'>;
  readonly renewer: Pick<Caretaker['renewer'], 'calendar'>;
  readonly chronicle: Pick<Caretaker['chronicle'], 'past'>;
}

type Shown = Pick<Picture, 'requests' | 'request' | 'trouble'>;

/** Puts together what all parts know now; asks nothing of anybody. */
export function takeSnapshot({
  picture,
  cared,
  ...rest
}: Omit<AgentSnapshot, 'certmonger' | 'instances' | 'requests'> & {
  readonly picture: Shown;
  readonly cared: readonly Cared[];
}): AgentSnapshot {
  const requests = picture.requests();
  const trouble = picture.trouble();
  return {
    ...rest,
    certmonger: { running: requests !== undefined, ...(trouble === undefined ? {} : { trouble }) },
    instances: cared.map((one) => instanceSnapshot(picture, one)),
    requests: (requests ?? []).map(requestSnapshot),
  };
}

function instanceSnapshot(picture: Shown, { instance, care, healer, reconciler, renewer, chronicle }: Cared): InstanceSnapshot {
  const reconciled = reconciler.latest();
  const [token, ...otherTokens] = tokenViews(instance).map((view) => {
    const [certificate] = view.certificates;
    return tokenSnapshot(view, care.prober.latest(certificate?.nickname), care.prober.signatures(certificate?.nickname));
  });
  const others = otherTokens.filter((other) => other !== undefined);
  const diagnoses = healer.diagnoses();
  const renewals = new Map(
    renewer.calendar().map(({ nickname, from, to, planned, by, later }) => [nickname, { from, to, planned, by, later }]),
  );
  const certificates = instance.certificates.map((certificate): CertificateSnapshot => {
    const { nickname, profile } = certificate;
    const renewal = renewals.get(nickname);
    const diagnosis = diagnoses.get(nickname);
    const known = picture.requests() !== undefined;
    return {
      nickname,
      profile,
      where: whereIs(instance, certificate),
      ...requestPart(ownRequest(picture, instance, certificate), known),
      ...(renewal === undefined ? {} : { renewal }),
      ...(diagnosis === undefined ? {} : { diagnosis }),
      ...chronicle.past(nickname),
    };
  });
  return {
    name: instance.name,
    ...(token === undefined ? {} : { token }),
    ...(others.length === 0 ? {} : { otherTokens: others }),
    diagnoses: healer.instance(),
    ...(reconciled === undefined ? {} : { reconciled: { at: reconciled.at, changes: reconciled.changes, refusals: reconciled.refusals } }),
    certificates,
  };
}

function requestPart(
  sighting: Sighting | undefined,
  known: boolean,
): Pick<CertificateSnapshot, 'request' | 'state' | 'subject' | 'issuer' | 'serial' | 'notBefore' | 'notAfter'> {
  if (sighting === undefined) return { state: known ? 'not tracked' : 'unknown' };
  const { nickname: request, status: state, certificate } = sighting.request;
  const { subject, issuer, serial, notBefore, notAfter } = certificate;
  return { request, state, ...present({ subject, issuer, serial, notBefore, notAfter }) };
}

function requestSnapshot({ request }: Sighting): RequestSnapshot {
  const { nickname, ca, status, stuck, caError, certificateStorage, certificate, key } = request;
  const { type, file, database, nickname: certificateNickname, token } = certificateStorage;
  return {
    nickname,
    status,
    stuck,
    storage: { type, file, database, nickname: certificateNickname, token },
    ...present({
      ca,
      caError,
      notBefore: certificate.notBefore,
      notAfter: certificate.notAfter,
      lastChecked: certificate.lastChecked,
      keyGenerated: key.generated,
      keyIssuedCount: key.issuedCount,
    }),
  };
}

function tokenSnapshot(instance: Instance, probe: Probe | undefined, signatures: number): TokenSnapshot | undefined {
  if (instance.token === undefined) return undefined;
  const label = tokenName(instance.token.selector);
  if (probe?.token === undefined) return { label, reachable: false, pin: 'unknown', login: 'unknown', signatures };
  const seen = { label, signatures, lookedAt: probe.at };
  const { token } = probe;
  if (token.state === 'away') return { ...seen, reachable: false, pin: 'unknown', login: 'unknown' };
  const latencies = Object.values(token.keys).flatMap((key) => (key.ok && key.latencyMs !== undefined ? [key.latencyMs] : []));
  return {
    ...seen,
    reachable: true,
    pin: token.pin,
    login: token.login.state,
    ...(latencies.length === 0 ? {} : { signLatencyMs: Math.max(...latencies) }),
  };
}

function whereIs(instance: Instance, { storage }: CertificateConfig): string {
  switch (storage.kind) {
    case 'token':
      return instance.token === undefined ? 'the token' : tokenName(tokenOn(instance, storage.on).selector);
    case 'internal':
      return 'internal';
    case 'file':
      return storage.certificate;
  }
}

/** Without what is not set. */
function present<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
