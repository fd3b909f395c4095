import { once } from 'node:events';
import { openPinGuard } from '../../src/ledger/pins.js';

// Holds the lock on logins in the middle of an attempt until stdin ends or it is killed.
const guard = openPinGuard(process.argv[2]!);
await guard.exclusively('T', async (memory) => {
  memory.trying('held');
  process.stdout.write('held\n');
  process.stdin.resume();
  await once(process.stdin, 'end');
});
guard.close();
