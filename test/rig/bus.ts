import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { release, stopAtExit, stopProcess, tied } from './processes.js';

export interface PrivateBus {
  readonly address: string;
  readonly pid: number;
  stop(): Promise<void>;
  /** Ends it where it runs, and starts another at the same address. */
  restart(): Promise<void>;
}

/**
 * A dbus-daemon of its own, open to every user. It has no service directories: a plain session bus would activate a second
 * certmonger on the first `getcert -s`, and that one may win the name. Limits are the daemon's defaults, as on a system bus.
 */
export async function startBus(
  directory: string,
  {
    outlives = false,
    include,
  }: {
    /** Goes on when this process ends. */ readonly outlives?: boolean;
    /** A file of further policies. */ readonly include?: string;
  } = {},
): Promise<PrivateBus> {
  const socket = path.join(directory, 'bus.sock');
  const config = path.join(directory, 'bus.conf');
  writeFileSync(
    config,
    `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=${socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
  </policy>
${include === undefined ? '' : `  <include>${include}</include>\n`}</busconfig>
`,
  );
  const words = [`--config-file=${config}`, '--nofork', '--nopidfile', '--print-address=1'];
  const start = () => startDaemon(words, { directory, socket, outlives });
  let { daemon, printed } = await start();
  return {
    // Without the guid, which is another one after a restart, and libdbus compares it.
    address: printed.replace(/,guid=[0-9a-f]+/u, ''),
    get pid() {
      return daemon.pid!;
    },
    stop: () => stopProcess(daemon, 'SIGTERM'),
    async restart() {
      await stopProcess(daemon, 'SIGTERM');
      ({ daemon, printed } = await start());
    },
  };
}

async function startDaemon(
  words: readonly string[],
  { directory, socket, outlives }: { readonly directory: string; readonly socket: string; readonly outlives: boolean },
): Promise<{ daemon: ChildProcess; printed: string }> {
  const log = openSync(path.join(directory, 'bus.log'), 'a');
  const [program, args] = outlives ? (['dbus-daemon', words] as const) : tied('dbus-daemon', words);
  const daemon = spawn(program, args, { stdio: ['ignore', 'pipe', log], cwd: '/', detached: outlives });
  closeSync(log);
  const out = daemon.stdout!;
  if (!outlives) stopAtExit(daemon);
  const [address] = (await Promise.race([
    once(out, 'data'),
    once(daemon, 'exit').then(() => {
      throw new Error(`dbus-daemon ended at once; is ${socket} too long for a socket path?`);
    }),
  ])) as [Buffer];
  if (outlives) release(daemon);
  return { daemon, printed: address.toString().trim() };
}
