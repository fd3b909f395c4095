import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { hsmonger } from '../cli/site.js';
import { layGround, type Ground } from '../cli/ca/ground.js';
import { privateDirectory } from '../rig/directory.js';
import { disturb, type Trial, type Verdict } from '../rig/mishaps.js';
import { serveToken } from '../rig/p11-remote.js';
import { countSteps, type Ran, type Steps } from '../rig/steps.js';

/** A token behind a module that counts, and commands that are disturbed at each of their steps. */
export interface StepGround extends Ground {
  readonly steps: Steps;
  /** As `onToken`, by the counting module. */
  readonly onCounted: readonly string[];
  /** `ca init-root` of an instance 'a'. */
  readonly initRoot: readonly string[];
  /** Must succeed. */
  ok(...argv: string[]): Promise<Ran>;
  /** "Certificate a", "Private a", … of the token, sorted. */
  names(): Promise<string[]>;
  /** Names below a directory of the ground. */
  below(name: string): string[];
  /** A request by openssl; gives its file. */
  request(name: string): string;
  disturb(command: readonly string[], check: Trial['check']): Promise<Verdict>;
  /** Everything as it was when the ground was laid. */
  anew(): void;
}

/** `across`: the token is another host's, over p11-kit's protocol; unplugging it ends the server, in the middle of what it does. */
export async function layStepGround({ across = false }: { readonly across?: boolean } = {}): Promise<StepGround> {
  const ground = await layGround();
  const home = privateDirectory('hsmonger-steps');
  const remote = across ? await serveToken(ground.token, home.path) : undefined;
  const seen = remote?.token ?? ground.token;
  const plug =
    remote === undefined
      ? {}
      : {
          plug: {
            pull: () => remote.cut(),
            push: async () => {
              await remote.cut();
              await remote.restore();
            },
          },
        };
  const steps = countSteps({ directory: home.path, below: ground.directory, module: seen.module });
  const onCounted = [
    '--module',
    steps.module,
    '--token',
    seen.label,
    '--pin-file',
    seen.pinFile,
    ...Object.entries(seen.environment).flatMap(([name, value]) => ['--module-env', `${name}=${value}`]),
  ];
  const first = path.join(home.path, 'first');
  execFileSync('cp', ['-a', ground.directory, first]);
  return {
    ...ground,
    steps,
    onCounted,
    initRoot: ['ca', 'init-root', '--instance', 'a', ...ground.here, ...onCounted, '--subject', 'CN=Root a', '--key-type', 'P-256'],
    ok: async (...argv) => {
      const ran = await steps.run(argv);
      if (ran.exitCode !== 0) throw new Error(`${argv.join(' ')}: ${ran.err}`);
      return ran;
    },
    names: async () => (await ground.objects()).map((object) => object.split(' ').slice(0, 2).join(' ')),
    below: (name) => {
      const directory = path.join(ground.directory, name);
      return existsSync(directory) ? readdirSync(directory, { recursive: true, encoding: 'utf8' }) : [];
    },
    request: (name) => {
      const file = path.join(ground.directory, `${name}.csr`);
      execFileSync(
        'openssl',
        [
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
          `/CN=${name}.example.org`,
          '-addext',
          `subjectAltName=DNS:${name}.example.org`,
          '-out',
          file,
        ],
        { stdio: 'ignore' },
      );
      return file;
    },
    disturb: (command, check) =>
      disturb({ ...plug, steps, token: ground.token, directory: ground.directory, aside: path.join(home.path, 'aside'), command, check }),
    anew: () => {
      for (const name of readdirSync(ground.directory)) rmSync(path.join(ground.directory, name), { recursive: true });
      execFileSync('cp', ['-a', `${first}/.`, ground.directory]);
    },
    remove: () => {
      void remote?.cut();
      ground.remove();
      home.remove();
    },
  };
}

/** A sentence where two things differ. */
export function differing(what: string, is: unknown, wanted: unknown): string[] {
  const [here, there] = [JSON.stringify(is), JSON.stringify(wanted)];
  return here === there ? [] : [`${what} is ${here}, not ${there}`];
}

export const ended = ({ exitCode }: Ran): string[] => differing('the second exit', exitCode, 0);

export const openssl = (...args: string[]): string =>
  execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] })
    .toString()
    .trim();

/** What `ca list` of instance 'a' says. */
export async function ledger({ here }: StepGround, ...more: string[]): Promise<{ serial: string }[]> {
  return JSON.parse((await hsmonger('ca', 'list', '--json', '--instance', 'a', ...here, ...more)).out) as { serial: string }[];
}

export const onToken = async (ground: StepGround, ...wanted: string[]): Promise<string[]> =>
  differing('what is on the token', await ground.names(), wanted);
export const inLedger = async (ground: StepGround, count: number): Promise<string[]> =>
  differing('the number of certificates in the ledger', (await ledger(ground)).length, count);

/** One CKA_ID for all, whichever. */
export function idsUnlessTold(objects: readonly string[], said: string): string[] {
  return said.includes('token move-id')
    ? []
    : differing('the number of CKA_IDs', new Set(objects.map((object) => object.split(' ')[2])).size, 1);
}
