import { certutil, type NssContext } from './tools.js';

/** One line of `certutil -L`. */
export interface ListedCertificate {
  /** Without the token's name before it. */
  readonly nickname: string;
  /** `ssl,email,signing` as certutil writes it, 'u' where NSS finds the key. */
  readonly trust: string;
}

/** The internal database's own certificates; several may have one nickname. The empty file keeps certutil from asking on a terminal. */
export async function listInternal(nss: NssContext): Promise<ListedCertificate[]> {
  return parseListing((await certutil(nss, ['-L', '-f', '/dev/null'])).stdout);
}

/** The same of another token's, whose PIN is in the file of `TOKEN:PASSWORD` lines: NSS shows none of them without a login. */
export async function listOnToken(nss: NssContext, token: string, passwordFile: string): Promise<ListedCertificate[]> {
  const listed = parseListing((await certutil(nss, ['-L', '-h', token, '-f', passwordFile])).stdout);
  return listed.map(({ nickname, trust }) => ({
    nickname: nickname.startsWith(`${token}:`) ? nickname.slice(token.length + 1) : nickname,
    trust,
  }));
}

/** Reads the two columns of `certutil -L`. */
export function parseListing(text: string): ListedCertificate[] {
  return [...text.matchAll(/^(?<nickname>\S.*?) +(?<trust>[pPcCTuw]*,[pPcCTuw]*,[pPcCTuw]*) *$/gmu)].map(({ groups }) => ({
    nickname: groups?.['nickname'] ?? '',
    trust: groups?.['trust'] ?? '',
  }));
}
