import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { provisionalInstance } from '../../src/cli/provisional-instance.js';
import { askService } from '../../src/service/ask.js';
import { hsmonger, type Said } from '../cli/site.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import type { MakeRig, ModuleRig } from '../rig/modules/rig.js';
import { ensureServiceUser } from '../rig/service-user.js';
import { pem } from '../x509/material.js';

/** The built commands on a module, told everything by flags; their instances in a directory of their own. */
export interface Commands {
  readonly rig: () => ModuleRig;
  /** A file's path by its name. */
  readonly at: (name: string) => string;
  /** Flags that name the module, as every command takes them. */
  readonly module: () => readonly string[];
  /** The same, and token and PIN. */
  readonly token: () => readonly string[];
  /** Flags that lead to configuration and state. */
  readonly here: () => readonly string[];
  /** What a command says that must succeed. */
  readonly said: (...argv: readonly string[]) => Promise<string>;
  /** The same as JSON. */
  readonly told: (...argv: readonly string[]) => Promise<unknown>;
  /** What a command does however it ends. */
  readonly does: (...argv: readonly string[]) => Promise<Said>;
}

/** Makes the module's token before the tests of a file and takes everything away behind them. */
export function useCommands(make: MakeRig): Commands {
  let directory: PrivateDirectory;
  let rig: ModuleRig;
  const at = (name: string) => path.join(directory.path, name);
  const here = () => ['--config-dir', at('etc'), '--state-dir', at('state')];
  const module = () => [
    '--module',
    rig.token.module,
    ...Object.entries(rig.token.environment).flatMap(([name, value]) => ['--module-env', `${name}=${value}`]),
    ...(rig.token.parameters === undefined ? [] : ['--module-parameters', rig.token.parameters]),
  ];
  const does = (...argv: readonly string[]) => hsmonger(...argv, ...here());
  const said = async (...argv: readonly string[]) => {
    const { exitCode, out, err } = await does(...argv);
    expect(exitCode, `${argv.join(' ')}: ${err}${out}`).toBe(0);
    return out;
  };

  beforeAll(async () => {
    directory = privateDirectory('hsmonger-module');
    mkdirSync(at('etc'), { mode: 0o755 });
    rig = await make({ directory: directory.path, owner: ensureServiceUser() });
  });

  afterAll(async () => {
    await rig.stop();
    directory.remove();
  });

  return {
    rig: () => rig,
    at,
    module,
    token: () => [...module(), '--token', rig.label, '--pin-file', rig.pinFile],
    here,
    said,
    told: async (...argv) => JSON.parse(await said(...argv, '--json')) as unknown,
    does,
  };
}

/** A certificate by a CA of openssl's for a public key, PEM both; a file. The CA is the directory's own. */
export function certificateFor(at: (name: string) => string, spki: string, name: string, subject: string, days: number): string {
  const openssl = (...args: string[]) => void execFileSync('openssl', args, { stdio: 'ignore' });
  const [ca, caKey, out] = [at('outside.pem'), at('outside.key'), at(`${name}.pem`)];
  if (!existsSync(ca))
    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', caKey, '-out', ca, '-subj', '/CN=outside', '-days', '400');
  writeFileSync(at('spki.pem'), spki);
  // openssl wants a request to certify, and nothing of it but the subject.
  openssl(
    'req',
    '-new',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    '/dev/null',
    '-subj',
    subject,
    '-out',
    at('any.csr'),
  );
  openssl(
    'x509',
    '-req',
    '-in',
    at('any.csr'),
    '-CA',
    ca,
    '-CAkey',
    caKey,
    '-force_pubkey',
    at('spki.pem'),
    '-days',
    String(days),
    '-out',
    out,
  );
  return out;
}

/** A key's public half as the service user sees it, PEM: no tool of others hands every module what it wants in C_Initialize. */
export async function publicKeyOf(
  { token: { module, environment, parameters }, label, pinFile }: ModuleRig,
  at: (name: string) => string,
  key: string,
): Promise<string> {
  const instance = provisionalInstance({
    instance: 'hsmonger',
    user: ensureServiceUser().name,
    module,
    label,
    environment,
    parameters,
    pinFile,
  });
  const { keys } = await askService({ instance, directories: { config: at('etc'), state: at('state') } }, 'list objects', { keys: true });
  return pem(keys.find((one) => one.label === key)!.spki!, 'PUBLIC KEY');
}
