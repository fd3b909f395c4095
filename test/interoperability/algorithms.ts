/** How a CA may sign, as its key is made and its signature ordered from openssl. */
export interface Algorithm {
  readonly name: string;
  /** openssl genpkey's. */
  readonly key: readonly string[];
  /** openssl req's and ca's digest; Ed25519 has none to choose. */
  readonly digest?: 'sha256' | 'sha384' | 'sha512';
  readonly pss?: true;
}

const rsa = ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:3072'];
const curve = (name: string) => ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${name}`];

export const algorithms: readonly Algorithm[] = [
  { name: 'RSA PKCS#1 v1.5', key: rsa, digest: 'sha256' },
  { name: 'RSA-PSS', key: rsa, digest: 'sha256', pss: true },
  { name: 'ECDSA P-256', key: curve('P-256'), digest: 'sha256' },
  { name: 'ECDSA P-384', key: curve('P-384'), digest: 'sha384' },
  { name: 'ECDSA P-384 with SHA-512', key: curve('P-384'), digest: 'sha512' },
  { name: 'ECDSA P-521', key: curve('P-521'), digest: 'sha512' },
  { name: 'Ed25519', key: ['-algorithm', 'ED25519'] },
];
