/** Starts the namespaces of a rig in the directory named on the command line, says pid 1's pid, and waits to be killed. */
import { startChroot } from './chroot.js';

const { init } = await startChroot(process.argv[2]!);
process.stdout.write(`${String(init)}\n`);
setInterval(() => undefined, 60_000);
