import { execFileSync } from 'node:child_process';
import { HsmongerError, sentenceOf } from '../../src/errors.js';
import { accountOf, type Account } from '../../src/platform/service-user.js';

const name = 'pkiuser';

/** FreeIPA's service user, made when missing: a system account nobody can log in to. Needs root. */
export function ensureServiceUser(): Account {
  const found = lookUp();
  if (found !== undefined) return found;
  try {
    execFileSync(
      'useradd',
      ['--system', '--user-group', '--no-create-home', '--home-dir', '/nonexistent', '--shell', '/usr/sbin/nologin', name],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
  } catch (error) {
    // Another test process may have been quicker.
    const made = lookUp();
    if (made !== undefined) return made;
    throw new HsmongerError(
      'USER_MISSING',
      `Cannot make the service user '${name}' for the tests: ${sentenceOf(error)}. Run them as root.`,
      { cause: error },
    );
  }
  return accountOf(name);
}

function lookUp(): Account | undefined {
  try {
    return accountOf(name);
  } catch (error) {
    if (error instanceof HsmongerError && error.code === 'USER_MISSING') return undefined;
    throw error;
  }
}
