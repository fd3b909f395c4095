import pkcs11js from 'pkcs11js';
import { parseInstance } from '../../../src/config/schema.js';
import { tokenOf } from '../../../src/config/token-of.js';
import { authorityKey, findAuthority } from '../../../src/issuer/token/authority.js';
import { openToken } from '../../../src/pkcs11/open-token.js';
import { guardInMemory } from '../../pkcs11/fake-cryptoki.js';
import type { SoftToken } from '../../rig/soft-token.js';
import { serveWorker } from '../../rig/worker.js';

/** What it took to open a token and to find the CA's certificate and key on it. */
export interface Opened {
  readonly ms: number;
  /** How often the module was asked. */
  readonly calls: Readonly<Record<string, number>>;
}

const counted = ['C_FindObjectsInit', 'C_FindObjects', 'C_GetAttributeValue'] as const;

/** A process that has not touched the module yet: its start is not counted, what the module does at C_Initialize is. */
await serveWorker(async (input): Promise<Opened> => {
  const { token, certificate } = input as { readonly token: SoftToken; readonly certificate: string };
  const calls = Object.fromEntries(counted.map((name) => [name, 0]));
  const prototype = pkcs11js.PKCS11.prototype as unknown as Record<string, (...args: unknown[]) => unknown>;
  for (const name of counted) {
    const call = prototype[name]!;
    prototype[name] = function (...args) {
      calls[name]! += 1;
      return call.apply(this, args);
    };
  }
  const instance = parseInstance('bench', '/bench.toml', {
    token: { label: token.label, module: token.module, 'pin-file': token.pinFile, environment: token.environment },
    nss: { database: '/n' },
    issuer: { type: 'token', certificate },
  });
  const start = performance.now();
  const opened = await openToken(tokenOf(instance), { pins: guardInMemory() });
  await authorityKey(opened, await findAuthority(opened, certificate, new Date()));
  return { ms: performance.now() - start, calls };
});
