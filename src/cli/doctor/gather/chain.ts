import type { ChainFacts, FoundCertificate } from '../../../doctor/facts/chain.js';
import { sentenceOf } from '../../../errors.js';
import { readCaFile } from '../../../issuer/dogtag/ca-file.js';
import type { TokenCertificate } from '../../../pkcs11/token.js';
import { askService } from '../../../service/ask.js';
import { readCertificateFiles } from '../../../tracking/certificate-files.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';
import type { Gathering, SeenStores } from './gathering.js';

/** The certificates and what may stand above them, from every place that can be looked into. */
export async function gatherChain({ place }: Pick<Gathering, 'place'>, stores: SeenStores): Promise<ChainFacts> {
  const { instance } = place;
  const { tokens, internal, troubles } = objectsIn(stores);
  const attempt = async <T>(ask: () => T | Promise<T>, nothing: T): Promise<T> => {
    try {
      return await ask();
    } catch (error) {
      troubles.push(`${sentenceOf(error).replace(/\.$/u, '')}.`);
      return nothing;
    }
  };
  const files = readCertificateFiles(instance).flatMap(({ nickname, certificate }) =>
    'der' in certificate ? [{ nickname, der: certificate.der }] : [],
  );
  const directory = instance.directory === undefined ? [] : await attempt(() => askService(place, 'read CA certificates', undefined), []);
  const { issuer } = instance;
  const known = issuer.type === 'dogtag' ? await attempt(() => readCaFile(issuer.caFile).certificates.map(({ der }) => der), []) : [];
  return {
    certificates: instance.certificates.flatMap(({ nickname, profile, storage }): FoundCertificate[] => {
      const from =
        storage.kind === 'file'
          ? files.filter((file) => file.nickname === nickname)
          : (storage.kind === 'token' ? (tokens.get(storage.on) ?? []) : internal).filter(({ label }) => label === nickname);
      const der = longest(from.map((one) => one.der));
      return der === undefined ? [] : [{ nickname, profile, der }];
    }),
    atHand: [...[...[...tokens.values()].flat(), ...internal, ...files].map(({ der }) => der), ...directory, ...known],
    troubles,
  };
}

interface Objects {
  readonly tokens: ReadonlyMap<string | undefined, readonly TokenCertificate[]>;
  readonly internal: readonly TokenCertificate[];
  /** Of what could not be looked into. */
  readonly troubles: string[];
}

function objectsIn({ tokens, internal }: SeenStores): Objects {
  const sights = tokens.map(({ view, token }) => ({
    on: view.partOn,
    sight: token.known && token.value !== 'none' ? token.value.token : undefined,
  }));
  return {
    tokens: new Map(sights.map(({ on, sight }) => [on, sight?.ok === true ? sight.certificates : []])),
    internal: internal.known && internal.value !== 'none' ? internal.value.certificates : [],
    troubles: [
      ...sights.flatMap(({ sight }) => (sight?.ok === false ? [sight.problem] : [])),
      ...[...tokens.map(({ token }) => token), internal].flatMap((part) => (part.known ? [] : [part.why])),
    ],
  };
}

/** Superseded ones may lie beside it. */
function longest(ders: readonly Uint8Array[]): Uint8Array | undefined {
  return ders
    .map((der) => ({ der, until: untilOf(der) }))
    .sort((a, b) => b.until - a.until)
    .find(({ until }) => until > Number.NEGATIVE_INFINITY)?.der;
}

function untilOf(der: Uint8Array): number {
  try {
    return parseCertificate(der).notAfter.getTime();
  } catch {
    return Number.NEGATIVE_INFINITY;
  }
}
