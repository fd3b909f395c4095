import { caConfig } from '../../../config/ca-config.js';
import type { TokenIssuerConfig } from '../../../config/instance.js';
import type { SignatureAlgorithm } from '../../../config/signature-algorithm.js';
import { tokenWith } from '../../../config/token-views.js';
import { HsmongerError, asHsmongerError } from '../../../errors.js';
import { isProfileName } from '../../../config/profile-names.js';
import { profiles } from '../../../issuer/profiles.js';
import { renewalKind } from '../../../issuer/token/admit.js';
import { noLimits } from '../../../issuer/token/issuance/limits.js';
import { decideIssue } from '../../../issuer/token/decide.js';
import type { Token } from '../../../pkcs11/token.js';
import type { Certificate } from '../../../x509/certificate.js';
import { nameText } from '../../../x509/names/name.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';
import { keyFacts, keyFingerprint } from '../../../x509/public-key.js';
import { fittingAlgorithm } from '../../../x509/signature-algorithm.js';
import type { ServiceContext } from '../../context.js';
import { ownAuthority } from '../../own-authority.js';

/** What a renewal asked for now would give; the serial number is drawn when it is issued. */
export type RenewalPreview =
  | {
      readonly nickname: string;
      readonly ok: true;
      readonly profile: string;
      /** RFC 4514. */
      readonly subject: string;
      readonly issuer: string;
      /** Nickname of the certificate whose key signs. */
      readonly signer: string;
      /** Scheme and digest, such as 'rsa-pkcs1 sha256'. */
      readonly algorithm: string;
      readonly notBefore: Date;
      readonly notAfter: Date;
      readonly extensions: readonly {
        readonly oid: string;
        readonly critical: boolean;
        /** Hex of the extnValue's content. */ readonly value: string;
      }[];
      readonly key: {
        readonly type: string;
        readonly bits: number;
        /** SHA-256 of the SubjectPublicKeyInfo, hex. */ readonly fingerprint: string;
      };
    }
  | { readonly nickname: string; readonly ok: false; readonly code: string; readonly message: string };

/** What to look at: the certificate as certmonger has it where it lies outside the token, else the newest one there. */
interface Previewed {
  readonly nickname: string;
  /** DER. */
  readonly certificate?: Uint8Array;
}

/** Runs the issuer's decision for each certificate, in this order. Signs nothing, writes nothing down. */
export async function previewRenewals(
  context: ServiceContext,
  { certificates: wanted }: { readonly certificates: readonly Previewed[] },
): Promise<RenewalPreview[]> {
  const { issuer: config } = context.instance;
  // Another CA decides for itself what it issues.
  if (config.type !== 'token')
    throw new HsmongerError(
      'USAGE',
      `${context.instance.file} has the issuer '${config.type}', and only what a token issues can be shown before; run renew without --dry-run.`,
    );
  const token = await context.openToken();
  const authority = await ownAuthority(context, token);
  const stored = new Map<string | undefined, Token>([[undefined, token], ...(await openOthers(context, wanted))]);
  const onToken = new Map(
    await Promise.all(
      wanted.map(
        async ({ nickname, certificate }) =>
          [
            nickname,
            certificate === undefined
              ? ((await stored.get(tokenWith(context.instance, nickname))?.certificates(nickname)) ?? []).map(({ der }) => der)
              : [],
          ] as const,
      ),
    ),
  );
  // The issuer's own renewal comes first, and what follows is signed under it.
  let issuer = authority.certificate;
  return wanted.map(({ nickname, certificate }) => {
    try {
      const on = tokenWith(context.instance, nickname);
      const held = certificate === undefined ? (onToken.get(nickname) ?? []) : [certificate];
      const [old] = held
        .map((der) => parseCertificate(der, `The certificate '${nickname}'`))
        .sort((a, b) => b.notAfter.getTime() - a.notAfter.getTime());
      if (old === undefined)
        throw new HsmongerError(
          'CERTIFICATE_NOT_FOUND',
          `There is no certificate '${nickname}' on token '${stored.get(on)?.description.label ?? on ?? ''}'.`,
        );
      const outcome = preview(context, config, nickname, old, issuer);
      if (outcome.ok && nickname === config.certificate) issuer = { ...issuer, notBefore: outcome.notBefore, notAfter: outcome.notAfter };
      return outcome;
    } catch (error) {
      const { code, message } = asHsmongerError(error);
      return { nickname, ok: false, code, message };
    }
  });
}

/** The further tokens that any of them lies on. */
async function openOthers(context: ServiceContext, wanted: readonly Previewed[]): Promise<[string, Token][]> {
  const names = new Set(wanted.flatMap(({ nickname }) => tokenWith(context.instance, nickname) ?? []));
  const opened: [string, Token][] = [];
  for (const on of names) opened.push([on, await context.openToken({ on })]);
  return opened;
}

function preview(
  { instance, clock }: ServiceContext,
  config: TokenIssuerConfig,
  nickname: string,
  old: Certificate,
  issuer: Certificate,
): RenewalPreview {
  const { profile: name = '', days } = instance.certificates.find((certificate) => certificate.nickname === nickname) ?? {};
  if (!isProfileName(name)) throw new HsmongerError('PROFILE_UNKNOWN', `There is no profile '${name}'.`);
  const profile = profiles[name];
  const { lifetimeDays, backdateSeconds, certificate: signer } = config;
  const plan = decideIssue(clock(), {
    // A renewal takes everything from the old certificate: the request certmonger will make only proves the key.
    csr: {
      der: new Uint8Array(),
      subject: old.subject,
      spki: old.spki,
      extensions: [],
      info: new Uint8Array(),
      signatureAlgorithm: new Uint8Array(),
      signature: new Uint8Array(),
    },
    old,
    profile: name,
    issuer,
    issuerTracked: instance.certificates.some((certificate) => certificate.nickname === signer),
    lifetimeDays,
    ...(days === undefined ? {} : { days }),
    backdateSeconds,
    ca: caConfig(instance),
    limits: noLimits,
    order: { kind: renewalKind(profile, old, issuer), profile, old },
  });
  const { type, bits } = keyFacts(plan.spki);
  return {
    nickname,
    ok: true,
    profile: name,
    subject: nameText(plan.subject),
    issuer: nameText(plan.issuer),
    signer,
    algorithm: described(fittingAlgorithm(issuer.spki, config, `The key of '${signer}'`)),
    notBefore: plan.notBefore,
    notAfter: plan.notAfter,
    extensions: plan.extensions.map(({ oid, critical, value }) => ({ oid, critical, value: Buffer.from(value).toString('hex') })),
    key: { type, bits, fingerprint: keyFingerprint(plan.spki) },
  };
}

function described(algorithm: SignatureAlgorithm): string {
  return 'digest' in algorithm ? `${algorithm.scheme} ${algorithm.digest}` : algorithm.scheme;
}
