import { setTimeout as sleep } from 'node:timers/promises';
import type { Certificate } from '../../../src/x509/certificate.js';
import { caExtensions, day } from '../../x509/material.js';
import type { Authority } from './authority.js';
import type { DoubleOptions } from './double.js';

/** The certificate of the double's lightweight CA. */
export interface Lightweight {
  certificate(): Certificate;
  renew(): Promise<void>;
}

export async function createLightweight({ issue }: Pick<Authority, 'issue'>, options: DoubleOptions): Promise<Lightweight | undefined> {
  const { lightweight: light, days = 720 } = options;
  if (light === undefined) return undefined;
  const now = Date.now();
  let certificate = await issue(light.keys.spki, light.subject, { extensions: caExtensions(), notAfter: new Date(now + 20 * day) });
  return {
    certificate: () => certificate,
    async renew() {
      // Valid from the second it is issued in, as a CA does it: here always a later one than that it was asked in.
      await sleep(1020 - (Date.now() % 1000));
      certificate = await issue(light.keys.spki, light.subject, {
        extensions: caExtensions(),
        notBefore: new Date(Math.floor(Date.now() / 1000) * 1000),
        notAfter: new Date(now + days * day),
      });
    },
  };
}
