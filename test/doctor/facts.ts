import type { DoctorFacts } from '../../src/doctor/facts.js';
import type { Instance } from '../../src/config/instance.js';

export const doctorInstance: Instance = {
  name: 'testca',
  file: '/etc/hsmonger/testca.toml',
  user: 'pkiuser',
  drop: 'setuid',
  token: { selector: { by: 'label', label: 'hsm' }, module: '/usr/lib/module.so', environment: {}, pin: { from: 'file', path: '/etc/hsmonger/pin' } },
  nss: { database: '/etc/alias' },
  issuer: { type: 'token', certificate: 'ca', lifetimeDays: {}, backdateSeconds: 60, digest: 'sha256' },
  saving: { guardMinutes: 15 },
  helper: { deadlineSeconds: 120 },
  agent: { probeSeconds: 60, signMinutes: 60, spreadDays: 7, reconcile: 'apply' },
  certificates: [],
};

/** Facts of which nothing is known but the instance: a test puts in what its check looks at. */
export function unknownFacts(instance: Instance = doctorInstance): DoctorFacts {
  const unknown = (what: string) => ({ known: false, why: `The ${what} did not answer.` }) as const;
  return { instance, now: new Date('2026-06-01T00:00:00Z'), token: unknown('token'), nss: unknown('NSS database'), internal: unknown('internal store'), certmonger: unknown('certmonger'), chain: unknown('chain'), servers: {}, files: unknown('files'), state: unknown('state'), host: unknown('host') };
}
