import type { CertificateConfig, Instance } from '../../config/instance.js';
import { tokenName } from '../../config/token-of.js';
import { tokenOn, tokenViews } from '../../config/token-views.js';
import type { Probe } from '../../diagnosis/probe.js';
import type { InstanceSupervisor } from '../instances/instance-supervisor.js';
import { ownRequest } from '../instances/own-request.js';
import type { RequestCache, CachedRequest } from '../requests/request-cache.js';
import type { AgentSnapshot, CertificateSnapshot, InstanceSnapshot, RequestSnapshot, TokenSnapshot } from './snapshot.js';

/** What a supervisor knows, as far as it is shown. */
export interface SnapshotSource {
  readonly instance: Instance;
  readonly context: { readonly prober: Pick<InstanceSupervisor['context']['prober'], 'latest' | 'signatures'> };
  readonly healer: Pick<InstanceSupervisor['healer'], 'diagnoses' | 'instance'>;
  readonly reconciler: Pick<InstanceSupervisor['reconciler'], 'latest'>;
  readonly renewer: Pick<InstanceSupervisor['renewer'], 'calendar'>;
  readonly renewalHistory: Pick<InstanceSupervisor['renewalHistory'], 'past'>;
}

type Shown = Pick<RequestCache, 'requests' | 'request' | 'trouble'>;

/** Puts together what all parts know now; asks nothing of anybody. */
export function takeSnapshot({
  requestCache,
  sources,
  ...rest
}: Omit<AgentSnapshot, 'certmonger' | 'instances' | 'requests'> & {
  readonly requestCache: Shown;
  readonly sources: readonly SnapshotSource[];
}): AgentSnapshot {
  const requests = requestCache.requests();
  const trouble = requestCache.trouble();
  return {
    ...rest,
    certmonger: { running: requests !== undefined, ...(trouble === undefined ? {} : { trouble }) },
    instances: sources.map((one) => instanceSnapshot(requestCache, one)),
    requests: (requests ?? []).map(requestSnapshot),
  };
}

function instanceSnapshot(
  requestCache: Shown,
  { instance, context, healer, reconciler, renewer, renewalHistory }: SnapshotSource,
): InstanceSnapshot {
  const reconciled = reconciler.latest();
  const [token, ...otherTokens] = tokenViews(instance).map((view) => {
    const [certificate] = view.certificates;
    return tokenSnapshot(view, context.prober.latest(certificate?.nickname), context.prober.signatures(certificate?.nickname));
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
    const known = requestCache.requests() !== undefined;
    return {
      nickname,
      profile,
      where: whereIs(instance, certificate),
      ...requestPart(ownRequest(requestCache, instance, certificate), known),
      ...(renewal === undefined ? {} : { renewal }),
      ...(diagnosis === undefined ? {} : { diagnosis }),
      ...renewalHistory.past(nickname),
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
  cached: CachedRequest | undefined,
  known: boolean,
): Pick<CertificateSnapshot, 'request' | 'state' | 'subject' | 'issuer' | 'serial' | 'notBefore' | 'notAfter'> {
  if (cached === undefined) return { state: known ? 'not tracked' : 'unknown' };
  const { nickname: request, status: state, certificate } = cached.request;
  const { subject, issuer, serial, notBefore, notAfter } = certificate;
  return { request, state, ...present({ subject, issuer, serial, notBefore, notAfter }) };
}

function requestSnapshot({ request }: CachedRequest): RequestSnapshot {
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
