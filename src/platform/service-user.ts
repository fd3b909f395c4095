import { userInfo } from 'node:os';
import { HsmongerError, sentenceOf } from '../errors.js';

/** An account as the system's user database (files, sssd, …) has it. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** What Node offers on POSIX systems only; the project runs nowhere else. */
type Posix = Required<Pick<NodeJS.Process, 'getuid' | 'geteuid' | 'getgid' | 'getegid' | 'setuid' | 'setgid' | 'seteuid' | 'setegid'>> & {
  // Missing from @types/node 20.
  initgroups(user: string, extraGroup: number): void;
};
const posix = process as unknown as Posix;

export function runningAsRoot(): boolean {
  return posix.geteuid() === 0;
}

/**
 * Looks an account up. Node has no getpwnam, but os.userInfo() answers for the effective uid and seteuid() takes a name:
 * so root asks in the account's place and comes back. Synchronous, so nothing else runs in between.
 */
export function accountOf(user: string): Account {
  if (!runningAsRoot()) {
    const self = selfAccount();
    if (self.name === user) return self;
    throw new HsmongerError(
      'NOT_PERMITTED',
      `This works as user '${user}' and was started by '${self.name}', who cannot become '${user}'. Run it as root.`,
    );
  }
  try {
    posix.seteuid(user);
  } catch (error) {
    throw new HsmongerError(
      'USER_MISSING',
      `The service user '${user}' does not exist (${sentenceOf(error)}). Create it, or name another with 'user' in the instance file.`,
      { cause: error },
    );
  }
  try {
    const account = selfAccount();
    // Another name for root would be no drop at all; 'root' itself is refused where the instance file is read.
    if (account.uid === 0 && user !== account.name)
      throw new HsmongerError(
        'NOT_PERMITTED',
        `The service user '${user}' is '${account.name}' (uid 0) by another name, and nothing here works on a token as root; name an unprivileged user with 'user' in the instance file.`,
      );
    return account;
  } finally {
    posix.seteuid(0);
  }
}

/**
 * Becomes the service user for good: initgroups (HSM device groups are kept), setgid, setuid, HOME and umask; then proves that
 * neither root nor the old group can be had back (design rule 6). Nothing happens when this process is that user already.
 */
export function dropTo(user: string): Account {
  const account = accountOf(user);
  if (runningAsRoot() && account.uid !== 0) {
    try {
      // By the name asked for: two names of one uid can be in different groups, and the HSM's device may be one's alone.
      posix.initgroups(user, account.gid);
      posix.setgid(account.gid);
      posix.setuid(account.uid);
    } catch (error) {
      throw new HsmongerError(
        'DROP_FAILED',
        `Cannot become user '${user}': ${sentenceOf(error)}. Start this as full root, without a restricted capability set.`,
        { cause: error },
      );
    }
    assertNoWayBack(account);
  }
  process.env['HOME'] = account.home;
  process.env['USER'] = account.name;
  process.env['LOGNAME'] = account.name;
  process.umask(0o077);
  return account;
}

function assertNoWayBack(account: Account): void {
  const ids =
    [posix.getuid(), posix.geteuid()].every((uid) => uid === account.uid) &&
    [posix.getgid(), posix.getegid()].every((gid) => gid === account.gid);
  if (
    !ids ||
    regains(() => {
      posix.setuid(0);
    }) ||
    regains(() => {
      posix.seteuid(0);
    }) ||
    regains(() => {
      posix.setgid(0);
    }) ||
    regains(() => {
      posix.setegid(0);
    })
  ) {
    throw new HsmongerError(
      'DROP_FAILED',
      `After becoming user '${account.name}' the way back to root was still open; stopped before touching the token.`,
    );
  }
}

function regains(attempt: () => void): boolean {
  try {
    attempt();
    return true;
  } catch {
    return false;
  }
}

function selfAccount(): Account {
  const info = userInfo();
  return { name: info.username, uid: info.uid, gid: info.gid, home: info.homedir };
}
