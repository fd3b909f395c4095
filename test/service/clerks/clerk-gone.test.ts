import { expect, it, vi } from 'vitest';
import type { Desk } from '../../../src/issuer/token/issuance/clerk.js';
import { openClerkThreads } from '../../../src/service/clerks/clerk-threads.js';

// No clerk does so by itself; it would be the end of node in this thread, or a native part of it.
vi.mock('../../../src/service/clerks/clerk-code.js', () => ({
  clerkCode: () => "require('node:worker_threads').parentPort.once('message', () => process.exit(7));",
}));

it('a thread that ends without an error leaves nobody without an answer', async () => {
  const threads = openClerkThreads(2);
  const clerks = threads.at({} as Desk);
  const ended = expect.objectContaining({ code: 'INTERNAL', message: 'A thread that prepares certificates has ended: exit 7.' }) as Error;
  const asked = Array.from({ length: 30 }, (_, index) => clerks.prepare({ name: String(index), csr: new Uint8Array() }));
  for (const answer of asked) await expect(answer).rejects.toEqual(ended);
  await threads.end();
});

it('nor does an end while something is asked', async () => {
  const threads = openClerkThreads(1);
  const asked = threads.at({} as Desk).prepare({ name: 'a', csr: new Uint8Array() });
  await Promise.all([expect(asked).rejects.toMatchObject({ code: 'INTERNAL' }), threads.end()]);
});
