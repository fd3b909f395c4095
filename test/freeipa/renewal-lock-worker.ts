/**
 * Holds the lock named by the first argument, as a process of its own; drops to the second before it takes it. Says `held`, then waits to
 * be told to end.
 */
import { dropTo } from '../../src/platform/service-user.js';
import { openRenewalLock } from '../../src/freeipa/renewal-lock.js';

const [file = '', user = ''] = process.argv.slice(2);
const lock = openRenewalLock(file);
dropTo(user);
await lock.hold(`hsmonger-submit[${String(process.pid)}]`, { waitMs: 5000 });
process.stdout.write('held\n');
process.stdin.once('data', (command) => {
  if (String(command).startsWith('release')) lock.close();
  process.exit(0);
});
