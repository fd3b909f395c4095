import { readlinkSync, statSync } from 'node:fs';
import { run } from '../platform/run.js';
import { distrustOf } from '../platform/trusted-path.js';
import { childEnvironment, type DaemonProcess } from './daemon-process.js';

/**
 * certmonger's own word, '0.79.17'; undefined where it does not say. The running program is asked itself: what is installed may be newer.
 * Not where others than root could have written it.
 */
export async function versionOfDaemon(pid: number, daemon: DaemonProcess): Promise<string | undefined> {
  const program = `/proc/${String(pid)}/exe`;
  try {
    const { uid, mode } = statSync(program);
    const path = readlinkSync(program).replace(/ \(deleted\)$/u, '');
    if (uid !== 0 || (mode & 0o022) !== 0 || (statSync(path, { throwIfNoEntry: false }) !== undefined && distrustOf(path) !== undefined))
      return undefined;
    const { stdout } = await run(program, ['-v'], { env: childEnvironment(daemon), timeoutMs: 10_000 });
    return /^certmonger (?<version>\d[\w.]*)/u.exec(stdout)?.groups?.['version'];
  } catch {
    return undefined;
  }
}
