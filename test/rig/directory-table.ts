import type { DirectoryConfig } from '../../src/config/instance.js';

/** The [directory] table of an instance file. */
export function directoryTable({ uri, startTls, caFile, bind, base, pkiBase, host }: DirectoryConfig): string {
  const more = {
    external: () => [],
    simple: (): string[] =>
      bind.method === 'simple' ? [`bind-dn = ${JSON.stringify(bind.dn)}`, `password-file = ${JSON.stringify(bind.passwordFile)}`] : [],
    gssapi: (): string[] => (bind.method === 'gssapi' ? [`keytab = ${JSON.stringify(bind.keytab)}`] : []),
  }[bind.method]();
  const lines = [
    `uri = ${JSON.stringify(uri)}`,
    `bind = "${bind.method}"`,
    ...more,
    `base = "${base}"`,
    `pki-base = "${pkiBase}"`,
    `host = "${host}"`,
  ];
  return `[directory]\n${[...lines, ...(startTls ? ['start-tls = true'] : []), ...(caFile === undefined ? [] : [`ca-file = "${caFile}"`])].join('\n')}\n`;
}
