import type { PublishedCertificate } from '../../../src/agent/follow/watcher-line.js';

export const key = 'a'.repeat(64);
/** One that a renewal master published. */
export const published = (change: Partial<PublishedCertificate> = {}): PublishedCertificate => ({
  nickname: 'ocsp',
  key,
  certificate: 'c'.repeat(64),
  notAfter: new Date('2028-01-01'),
  missed: false,
  ...change,
});
