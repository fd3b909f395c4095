import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { connectCertmonger } from '../../dbus/certmonger.js';
import { apply } from '../../src/cli/track/apply.js';
import { list } from '../../src/cli/track/list.js';
import { plan } from '../../src/cli/track/plan.js';
import { start } from '../../src/cli/track/start.js';
import { stop } from '../../src/cli/track/stop.js';
import type { GlobalOptions } from '../../src/cli/global-options.js';
import type { Surroundings } from '../../src/cli/command.js';
import { loadInstance } from '../../src/config/load.js';
import { HsmongerError } from '../../src/errors.js';
import { installation } from '../../src/platform/installation.js';
import { systemClock } from '../../src/platform/clock.js';
import { submitCommand } from '../../src/tracking/command-lines.js';
import { createAuthority, type Authority, type AuthorityOptions } from '../rig/authority.js';
import { startBus, type PrivateBus } from '../rig/bus.js';
import { startCertmonger, type Certmonger } from '../rig/certmonger.js';
import { privateDirectory } from '../rig/directory.js';
import { createNssDatabase, type NssDatabase } from '../rig/nss-database.js';
import { ensureServiceUser } from '../rig/service-user.js';
import { createSoftToken, type SoftToken } from '../rig/soft-token.js';

/** What a command said and how it ended. */
interface Ran {
  readonly exitCode: number | undefined;
  readonly out: string;
  readonly err: string;
  /** Code of the HsmongerError it threw. */
  readonly code: string | undefined;
  readonly message: string;
}

export interface TrackingRig {
  readonly directory: string;
  readonly token: SoftToken;
  readonly authority: Authority;
  readonly nss: NssDatabase;
  readonly bus: PrivateBus;
  readonly certmonger: Certmonger;
  /** Writes the instance file: all certificates of the authority, or those named, as [nickname, profile] and more lines of their tables. */
  configure(certificates?: readonly (readonly [nickname: string, profile: string, ...lines: string[]])[], more?: readonly string[]): void;
  /** Flags that lead the CLI to this rig. */
  readonly here: readonly string[];
  registerCa(): Promise<void>;
  run(verb: 'plan' | 'apply' | 'list', options?: { json?: boolean; all?: boolean; utc?: boolean }): Promise<Ran>;
  start(nickname: string): Promise<Ran>;
  stop(options: { nickname?: string; id?: string }): Promise<Ran>;
  remove(): Promise<void>;
}

export interface RigOptions {
  readonly label?: string;
  readonly authority?: AuthorityOptions;
  readonly conf?: string;
  /** certmonger's children do not see the token's configuration. */
  readonly hidden?: boolean;
  /** The module is not registered in the NSS database. */
  readonly unregistered?: boolean;
  /** The internal database's own. */
  readonly nssPassword?: string;
}

/** Far from renewal: certmonger only watches. */
const resting = { daysLeft: 300 };

/** Token with a CA, NSS database, private bus, the real daemon, an instance file; the CA registered. */
export async function trackingRig(options: RigOptions = {}): Promise<TrackingRig> {
  const home = privateDirectory('hsm-track');
  const directory = home.path;
  const owner = ensureServiceUser();
  const token = await createSoftToken({ directory, owner, ...(options.label === undefined ? {} : { label: options.label }) });
  const authority = await createAuthority(token, { ...options.authority, each: { ...resting, ...options.authority?.each } });
  const nss = await createNssDatabase({
    directory,
    owner,
    ...(options.unregistered === true ? {} : { token }),
    ...(options.nssPassword === undefined ? {} : { password: options.nssPassword }),
  });
  const bus = await startBus(directory);
  const certmonger = await startCertmonger({
    directory,
    bus,
    ...(options.hidden === true ? {} : { token }),
    ...(options.conf === undefined ? {} : { conf: options.conf }),
  });
  const directories = { config: path.join(directory, 'config'), state: path.join(directory, 'state') };
  mkdirSync(directories.config);
  const configure: TrackingRig['configure'] = (
    certificates = authority.certificates.map(({ nickname, profile }) => [nickname, profile] as const),
    more = [],
  ) => {
    const text = (value: string) => JSON.stringify(value);
    writeFileSync(
      path.join(directories.config, 'testca.toml'),
      [
        `user = "${owner.name}"`,
        '[token]',
        `label = ${text(token.label)}`,
        `module = ${text(token.module)}`,
        `pin-file = ${text(token.pinFile)}`,
        `environment = { SOFTHSM2_CONF = ${text(token.confFile)} }`,
        '[nss]',
        `database = ${text(nss.database)}`,
        ...(nss.passwordFile === undefined ? [] : [`password-file = ${text(nss.passwordFile)}`]),
        '[issuer]',
        'type = "token"',
        'certificate = "caSigningCert cert-pki-ca"',
        ...more,
        ...certificates.flatMap(([nickname, profile, ...lines]) => [
          '[[certificate]]',
          `nickname = ${text(nickname)}`,
          `profile = ${text(profile)}`,
          ...lines,
        ]),
        '',
      ].join('\n'),
    );
  };
  configure();
  const globals: GlobalOptions = {
    instance: 'testca',
    bus: bus.address,
    configDir: directories.config,
    stateDir: directories.state,
    json: false,
    noColor: true,
    verbose: false,
  };
  const ran = async (action: (surroundings: Surroundings) => Promise<number>): Promise<Ran> => {
    const said = { out: '', err: '' };
    const io = {
      out: (text: string) => {
        said.out += text;
      },
      err: (text: string) => {
        said.err += text;
      },
      interactive: false,
      colour: false,
    };
    try {
      const exitCode = await action({ io, env: { TZ: 'Europe/Berlin' }, clock: systemClock, signal: new AbortController().signal });
      return { ...said, exitCode, code: undefined, message: '' };
    } catch (error) {
      if (!(error instanceof HsmongerError)) throw error;
      return { ...said, exitCode: undefined, code: error.code, message: error.message };
    }
  };
  const rig: TrackingRig = {
    directory,
    token,
    authority,
    nss,
    bus,
    certmonger,
    configure,
    here: ['--instance', 'testca', '--bus', bus.address, '--config-dir', directories.config, '--state-dir', directories.state],
    registerCa: async () => {
      const client = await connectCertmonger(bus.address);
      await client.addCa(
        'testca',
        submitCommand({ instance: loadInstance(directories, 'testca'), directories, installation: installation() }),
      );
      client.disconnect();
    },
    run: (verb, given = {}) => {
      const options = { ...globals, all: false, utc: false, ...given };
      switch (verb) {
        case 'plan':
          return ran((surroundings) => plan(options, surroundings));
        case 'apply':
          return ran((surroundings) => apply(options, surroundings));
        case 'list':
          return ran((surroundings) => list(options, surroundings));
      }
    },
    start: (nickname) => ran((surroundings) => start({ ...globals, nickname }, surroundings)),
    stop: ({ nickname, id }) => ran((surroundings) => stop({ ...globals, nickname, id }, surroundings)),
    remove: async () => {
      await certmonger.stop();
      await bus.stop();
      home.remove();
    },
  };
  await rig.registerCa();
  return rig;
}
