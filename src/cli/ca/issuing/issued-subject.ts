import { caConfig } from '../../../config/ca-config.js';
import type { InstanceSite } from '../../../config/instance.js';
import { underPolicy } from '../../../issuer/token/issuance/policy.js';
import { askService } from '../../../service/ask.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';

/**
 * The subject (DER Name) a certificate has that is asked of a CA for another: its policy leaves fields out and orders them. Where a
 * certificate is looked for by its subject, it is this one. NAME_REFUSED where the policy refuses it.
 */
export async function issuedSubject(ca: InstanceSite, subject: Uint8Array): Promise<Uint8Array> {
  const { policy } = caConfig(ca.instance);
  if (Object.keys(policy).length === 0) return subject;
  const [authority] = (await askService(ca, 'read CA chain', undefined)).certificates;
  return authority === undefined ? subject : underPolicy(policy, subject, parseCertificate(authority).subject);
}
