import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { installation } from '../../src/platform/installation.js';
import type { SoftToken } from './soft-token.js';

/** An instance file in directories of its own, and the built executables run on it as certmonger runs them. */
export interface TestInstance {
  readonly file: string;
  readonly configDir: string;
  readonly stateDir: string;
  /** The instance's own state directory. */
  readonly state: string;
  /** Of every executable. */
  readonly flags: readonly string[];
  rewrite(edit: (toml: string) => string): void;
  /** One run of hsmonger-submit with a cleared environment (subproc.c:137-190) and these CERTMONGER_ variables. */
  submit(variables: Readonly<Record<string, string>>): Promise<HelperRun>;
}

export interface HelperRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface TestInstanceOptions {
  readonly directory: string;
  readonly token: SoftToken;
  readonly name?: string;
  readonly database?: string;
  readonly certificates?: readonly { readonly nickname: string; readonly profile: string }[];
  /** Default Dogtag's. */
  readonly issuerCertificate?: string;
  /** Appended to the [token] and [issuer] tables, and at the end of the file. */
  readonly extra?: { readonly token?: string; readonly issuer?: string; readonly end?: string };
}

export function createInstance(options: TestInstanceOptions): TestInstance {
  const { directory, token, name = 'hsmonger', extra = {} } = options;
  const configDir = path.join(directory, 'etc');
  const stateDir = path.join(directory, 'state');
  mkdirSync(configDir, { recursive: true });
  const file = path.join(configDir, `${name}.toml`);
  let toml = `user = "pkiuser"

[token]
label = ${JSON.stringify(token.label)}
module = "${token.module}"
pin-file = "${token.pinFile}"
environment = { SOFTHSM2_CONF = "${token.confFile}" }
${extra.token ?? ''}

[nss]
database = "${options.database ?? path.join(directory, 'alias')}"

[issuer]
type = "token"
certificate = ${JSON.stringify(options.issuerCertificate ?? 'caSigningCert cert-pki-ca')}
${extra.issuer ?? ''}

${(options.certificates ?? []).map(({ nickname, profile }) => `[[certificate]]\nnickname = ${JSON.stringify(nickname)}\nprofile = "${profile}"\n`).join('\n')}
${extra.end ?? ''}
`;
  writeFileSync(file, toml, { mode: 0o644 });
  const flags = ['--config-dir', configDir, '--state-dir', stateDir];
  return {
    file,
    configDir,
    stateDir,
    state: path.join(stateDir, name),
    flags: ['--instance', name, ...flags],
    rewrite: (edit) => {
      toml = edit(toml);
      writeFileSync(file, toml);
    },
    submit: (variables) => runHelper(['--instance', name, ...flags], variables),
  };
}

/** hsmonger-submit with exactly this environment. */
export async function runHelper(
  args: readonly string[],
  variables: Readonly<Record<string, string | Buffer>>,
  options: { readonly uid?: number; readonly gid?: number } = {},
): Promise<HelperRun> {
  const env = {
    HOME: '/run/certmonger',
    PATH: '/usr/bin:/bin:/usr/sbin:/sbin',
    SHELL: '/bin/sh',
    TERM: 'dumb',
    LC_CTYPE: 'C.UTF-8',
    ...(variables as Record<string, string>),
  };
  const child = spawn(path.join(installation().executables, 'hsmonger-submit'), args, {
    env,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
    killSignal: 'SIGKILL',
    ...options,
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number>((resolve, reject) => {
      child.once('close', (code) => {
        resolve(code ?? -1);
      });
      child.once('error', reject);
    }),
  ]);
  return { exitCode, stdout, stderr };
}
