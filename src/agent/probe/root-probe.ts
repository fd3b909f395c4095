import { statSync } from 'node:fs';
import path from 'node:path';
import type { Probe, Verdict } from '../../diagnosis/probe.js';
import { installation } from '../../platform/installation.js';
import { readDaemonProcess, requestsDirectoryOf, type DaemonProcess } from '../../tracking/daemon-process.js';
import { helperFacts } from '../../tracking/gather.js';
import { roomIn } from './environment-probe.js';

/** What root alone sees: certmonger's environment, and what its children find there. */
export type RootProbe = Pick<Probe, 'helper' | 'disk'>;

/** Undefined where nothing speaks against the helper's program; whether it runs only running it tells. */
export function checkHelperFile(): Verdict | undefined {
  const file = helperFile();
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats === undefined)
    return {
      ok: false,
      code: 'NOT_PERMITTED',
      problem: `The helper's program ${file} is not there, so certmonger cannot ask for certificates; install hsmonger again.`,
    };
  // Root may execute what has any of the bits.
  if (stats.isFile() && (stats.mode & 0o111) !== 0) return undefined;
  return {
    ok: false,
    code: 'NOT_PERMITTED',
    problem: `The helper's program ${file} cannot be executed, so certmonger cannot ask for certificates; run: chmod 0755 '${file}'.`,
  };
}

/** `daemonPid` of the running certmonger; without one nothing but the glance is possible. */
export async function probeAsRoot(daemonPid: () => Promise<number>): Promise<RootProbe> {
  const glance = checkHelperFile();
  const pid = await daemonPid().catch(() => undefined);
  if (pid === undefined) return glance === undefined ? {} : { helper: glance };
  const daemon = daemonProcess(pid);
  const disk = roomIn([requestsDirectoryOf(daemon)]);
  if (glance !== undefined) return { helper: glance, disk };
  const helper = await helperFacts(daemon, installation());
  return {
    helper: helper.answers
      ? { ok: true }
      : {
          ok: false,
          code: 'NOT_PERMITTED',
          problem: `The helper's program ${helperFile()} does not answer in certmonger's environment (${helper.failure}); check that it can be executed and hsmonger is installed completely.`,
        },
    disk,
  };
}

/**
 * The unit leaves the agent fewer capabilities than certmonger has, and then the kernel does not show certmonger's environment (ptrace(2)):
 * the system daemon's is known without.
 */
function daemonProcess(pid: number): DaemonProcess {
  try {
    return readDaemonProcess(pid);
  } catch {
    return { program: 'certmonger', environment: {} };
  }
}

function helperFile(): string {
  return path.join(installation().executables, 'hsmonger-submit');
}
