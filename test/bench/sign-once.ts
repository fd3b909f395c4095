import { execFileSync } from 'node:child_process';
import { createPublicKey, verify } from 'node:crypto';
import path from 'node:path';
import { program } from './program.js';
import type { Subject } from './rounds.js';
import { caNickname, type Site } from './site.js';

/** Compiles sign-once.c and gives what runs it as the service user; its signature is checked each time. */
export function buildSignOnce(site: Site): Subject {
  const file = path.join(site.directory, 'sign-once');
  execFileSync('cc', ['-O2', '-o', file, path.join(import.meta.dirname, 'sign-once.c'), '-ldl']);
  const { keyId, spki } = site.authority.certificate(caNickname);
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  const { module, label, pinFile, environment } = site.token;
  return () => {
    const signature = program(file, [module, label, pinFile, keyId], { as: site.user, env: environment });
    if (!verify('sha256', Buffer.from('hsmonger'), key, signature)) throw new Error('sign-once gave a signature that does not verify.');
  };
}
