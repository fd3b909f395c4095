/**
 * Starts a rig's namespaces in the directory named on the command line, a daemon in there that changes its user, and a bus; says their
 * pids, and waits to be killed. With a second word it is a runner that has a worker do it.
 */
import { fork } from 'node:child_process';
import { startBus } from '../bus.js';
import { startChroot } from './chroot.js';
import { directoryServer } from './server.js';

const [root = '', runner] = process.argv.slice(2);
if (runner === undefined) {
  const chroot = await startChroot(root);
  await chroot.inside('systemctl', ['start', directoryServer], { timeoutMs: 60_000 });
  const bus = await startBus(root);
  process.stdout.write(`${JSON.stringify([process.pid, chroot.init, bus.pid])}\n`);
} else {
  fork(import.meta.filename, [root], { stdio: 'inherit' });
}
setInterval(() => undefined, 60_000);
