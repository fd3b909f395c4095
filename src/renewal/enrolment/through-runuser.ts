import { prepareState } from '../../config/prepare-state.js';
import type { Directories, Instance } from '../../config/instance.js';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { frontDescriptors, hasFront } from '../../platform/front.js';
import { accountOf } from '../../platform/service-user.js';
import { isExitCode, type Outcome } from '../../protocol/outcome.js';

/** `drop = "runuser"`: for sites whose PAM session sets up what the HSM needs. The child answers in our place. */
export async function throughRunuser(
  instance: Instance,
  directories: Directories,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<Outcome> {
  const rootOnly = whatNeedsRoot(instance);
  if (rootOnly !== undefined)
    throw new HsmongerError(
      'CONFIG_INVALID',
      `In ${instance.file}: 'drop' is "runuser", which starts a program that was never root, and ${rootOnly} needs root; use drop = "setuid".`,
    );
  const { spawnSync } = await import('node:child_process');
  const account = accountOf(instance.user);
  prepareState(directories, instance, account);
  const pin = instance.token?.pin;
  const child = spawnSync('runuser', ['-u', account.name, '--', process.execPath, process.argv[1] ?? '', ...argv], {
    // A PIN is never in the environment of a child (design rule 4).
    env: { ...env, ...(pin?.from === 'environment' ? { [pin.variable]: undefined } : {}) },
    stdio: ['ignore', 'inherit', 'inherit', ...(hasFront(env) ? Object.values(frontDescriptors) : [])],
    timeout: (instance.helper.deadlineSeconds + 5) * 1000,
    killSignal: 'SIGKILL',
  });
  if (isExitCode(child.status)) return { kind: 'given', exitCode: child.status };
  if (child.signal !== null)
    throw new HsmongerError(
      'DEADLINE',
      `runuser -u ${account.name} gave no answer in time and was ended (${child.signal}); check the HSM, and what PAM does in runuser's session.`,
    );
  const how =
    child.error === undefined
      ? `ended with status ${String(child.status)} and without an answer`
      : `could not be started: ${sentenceOf(child.error)}`;
  throw new HsmongerError(
    'DROP_FAILED',
    `runuser -u ${account.name} ${how}. '${account.name}' must be able to read ${process.argv[1] ?? 'hsmonger-submit'} and PAM must allow runuser; or use drop = "setuid".`,
  );
}

/** An agent's key, and a password, may be the service user's to read: that shows when they are read. */
function whatNeedsRoot({ directory, freeipa }: Instance): string | undefined {
  if (directory !== undefined && directory.bind.method !== 'simple') return `directory.bind = "${directory.bind.method}"`;
  return freeipa === undefined ? undefined : `FreeIPA's lock ${freeipa.lockFile}`;
}
