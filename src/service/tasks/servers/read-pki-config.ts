import { configFile, readDirectives } from '../../../pki-config/cs-cfg.js';
import { configPlaces } from '../../../renewal/plan.js';
import type { ServiceContext } from '../../context.js';

/** A copy of a certificate in Dogtag's CS.cfg. */
export interface ConfiguredCopy {
  readonly nickname: string;
  readonly file: string;
  readonly directive: string;
  /** Base64 DER as it stands there; undefined where the directive does not. */
  readonly value: string | undefined;
}

/** Every copy saving would keep up to date. */
export function readPkiConfig({ instance }: ServiceContext): Promise<ConfiguredCopy[]> {
  const { pki, certificates } = instance;
  if (pki === undefined) return Promise.resolve([]);
  return Promise.resolve(
    certificates.flatMap((certificate) =>
      configPlaces(instance, certificate).map(({ file: subsystem, directive }): ConfiguredCopy => {
        const file = configFile(pki.directory, subsystem);
        return { nickname: certificate.nickname, file, directive, value: readDirectives(file, [directive]).get(directive) };
      }),
    ),
  );
}
