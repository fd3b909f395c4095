import { Variant } from '../../../dbus/wire.js';
import type { AgentSnapshot, CertificateSnapshot } from '../report/snapshot.js';

/** A row of Status, `a{sv}`: what is not known is left out. */
export function statusRows({ instances }: AgentSnapshot, instance: string): Record<string, Variant>[] {
  return instances
    .filter(({ name }) => instance === '' || name === instance)
    .flatMap(({ name, certificates }) => certificates.map((certificate) => statusRow(name, certificate)));
}

function statusRow(instance: string, certificate: CertificateSnapshot): Record<string, Variant> {
  const { nickname, profile, where, request, state, notAfter, renewal, diagnosis } = certificate;
  const text = {
    instance,
    nickname,
    profile,
    where,
    request,
    state,
    cause: diagnosis?.cause,
    severity: diagnosis?.severity,
    problem: diagnosis?.sentence,
    cure: diagnosis?.cure.advice,
  };
  const times = { 'not-after': notAfter, planned: renewal?.planned };
  return Object.fromEntries([
    ...Object.entries(text).flatMap(([name, value]) => (value === undefined ? [] : [[name, new Variant('s', wellFormed(value))] as const])),
    ...Object.entries(times).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, new Variant('x', BigInt(seconds(value)))] as const],
    ),
  ]);
}

export function seconds(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}

/** The bus cuts off whoever sends a string that is not UTF-8 or holds NUL (D-Bus specification, Valid strings). */
export function wellFormed(text: string): string {
  return text.replace(/\0/gu, '\u{fffd}').replace(/\p{Cs}/gu, '\u{fffd}');
}
