import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { privateDirectory } from '../../rig/directory.js';
import { runAs } from '../../rig/run-as.js';
import { ensureServiceUser } from '../../rig/service-user.js';
import { createSoftToken, type SoftToken } from '../../rig/soft-token.js';
import type { Account } from '../../../src/platform/service-user.js';

/** A machine with a token and nothing else. */
export interface Ground {
  readonly directory: string;
  readonly owner: Account;
  readonly token: SoftToken;
  readonly config: string;
  readonly state: string;
  /** Flags that lead here, for every command. */
  readonly here: readonly string[];
  /** Flags that name the token, for a command that writes an instance file. */
  readonly onToken: readonly string[];
  /** Writes a file and gives its path. */
  file(name: string, content: string): string;
  readonly objects: TokenTool['objects'];
  readonly pkcs11Tool: TokenTool['tool'];
  readonly certificate: TokenTool['certificate'];
  remove(): void;
}

export async function layGround(label = 'pki'): Promise<Ground> {
  const home = privateDirectory('hsmonger-ca');
  const directory = home.path;
  const owner = ensureServiceUser();
  const token = await createSoftToken({ directory, owner, label });
  const [config, state] = [path.join(directory, 'etc'), path.join(directory, 'state')];
  mkdirSync(config, { mode: 0o755 });
  const { tool, objects, certificate } = toolOn(token, owner);
  return {
    directory,
    owner,
    token,
    config,
    state,
    here: ['--config-dir', config, '--state-dir', state],
    onToken: tokenFlags(token),
    file: (name, content) => {
      const file = path.join(directory, name);
      writeFileSync(file, content);
      return file;
    },
    pkcs11Tool: tool,
    objects,
    certificate,
    remove: () => home.remove(),
  };
}

/** What pkcs11-tool sees of a token, logged in as the owner. */
export interface TokenTool {
  readonly tool: (...args: string[]) => Promise<string>;
  /** "class label id" of every object, sorted. */
  readonly objects: () => Promise<string[]>;
  /** The certificate of a label, PEM. */
  readonly certificate: (label: string) => Promise<string>;
}

export function toolOn(token: SoftToken, owner: Account): TokenTool {
  const tool: TokenTool['tool'] = async (...args) =>
    (
      await runAs(
        owner,
        'pkcs11-tool',
        ['--module', token.module, '--token-label', token.label, '--login', '--pin', 'env:RIG_PIN', ...args],
        { env: { ...token.environment, RIG_PIN: token.pin }, cwd: '/' },
      )
    ).stdout;
  return {
    tool,
    objects: async () =>
      (await tool('-O'))
        .split(/^(?=\S)/mu)
        .filter((object) => /^(?:Certificate|Private|Public)/u.test(object))
        .map(
          (object) =>
            `${/^\w+/u.exec(object)?.[0] ?? ''} ${/label: +(.*)/u.exec(object)?.[1] ?? ''} ${/ID: +(.*)/u.exec(object)?.[1] ?? ''}`,
        )
        .sort(),
    certificate: async (name) => {
      const out = path.join(path.dirname(token.pinFile), 'read.der');
      writeFileSync(out, '', { mode: 0o666 });
      execFileSync('chown', [owner.name, out]);
      await tool('-r', '--type', 'cert', '--label', name, '-o', out);
      return openssl('x509', '-inform', 'DER', '-in', out);
    },
  };
}

export function tokenFlags(token: SoftToken): string[] {
  return ['--module', token.module, '--token', token.label, '--pin-file', token.pinFile, '--module-env', `SOFTHSM2_CONF=${token.confFile}`];
}

export const openssl = (...args: string[]): string =>
  execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
