/** The thread of a clerk: begins without a desk, gets one, then works by the batch. It has dropped with the process that began it. */
import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { clerkAt, type Clerk, type Desk } from '../../issuer/token/issuance/clerk.js';
import type { Work } from './clerk-threads.js';

// Of this thread alone (setpriority(2), C library/kernel differences): whoever signs, or hands the token its next work, goes before it.
setPriority(19);

parentPort?.once('message', (desk: Desk) => {
  const clerk = clerkAt(desk);
  parentPort?.on('message', (works: readonly Work[]) => {
    parentPort?.postMessage(works.map((work) => done(clerk, work)));
  });
});

function done(by: Clerk, work: Work): unknown {
  switch (work.kind) {
    case 'prepare':
      return by.prepare(...work.given);
    case 'judge':
      return by.judge(...work.given);
    case 'isSigned':
      return by.isSigned(...work.given);
  }
}
