import type * as Crypto from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { expect, it, vi } from 'vitest';

const random = vi.hoisted(() => ({ next: [] as number[] }));
vi.mock('node:crypto', async (original) => {
  const crypto = await original<typeof Crypto>();
  return { ...crypto, randomInt: (from: number, to: number) => random.next.shift() ?? crypto.randomInt(from, to) };
});
const { freePort } = await import('./free-port.js');

it('ports asked for at once are never the same, and are below those the kernel gives to others', async () => {
  const ports = await Promise.all(Array.from({ length: 50 }, freePort));
  expect(new Set(ports).size).toBe(50);
  const [lowest] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split('\t').map(Number);
  for (const port of ports) expect(port).toBeLessThan(lowest!);
});

it('one that was given is not given again, nor is one where somebody listens', async () => {
  const given = await freePort();
  random.next.push(given);
  expect(await freePort()).not.toBe(given);
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  random.next.push(port);
  expect(await freePort()).not.toBe(port);
  server.close();
});
