import { HsmongerError } from '../../errors.js';
import type { Clock } from '../../platform/clock.js';
import { isSelfSigned } from '../../x509/path.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { parseCsr } from '../../x509/parse-csr.js';
import type { Issuer } from '../issuer.js';
import type { SharedStore } from './shared-store.js';
import { takeShared, type Taker } from './take-shared.js';

export interface DirectoryIssuerParts {
  /** Stays the caller's to close. */
  readonly store: SharedStore;
  /** What the certificate is shared under. */
  readonly nickname: string;
  readonly clock: Clock;
  /** See Taker. */
  readonly missed?: Taker['missed'];
  /** In [0, 1); Math.random where it is not given. */
  readonly random?: () => number;
}

/**
 * How long a replica waits before it looks again, seconds: with the saving it stays within a minute. Spread, so that a hundred of them do
 * not look at once.
 */
const againSeconds = 40;
const spread = 0.2;

/**
 * What the renewal master publishes: this server only takes it. Pending until there is something new; MASTER_UNKNOWN where nobody renews.
 */
export function createDirectoryIssuer({ store, nickname, clock, missed, random = Math.random }: DirectoryIssuerParts): Issuer {
  return {
    enrol: async ({ csr, oldCertificate }) => {
      const old = oldCertificate === undefined ? undefined : parseCertificate(oldCertificate, 'The certificate to be renewed');
      const taken = await takeShared(store, nickname, {
        csr: parseCsr(csr),
        now: clock(),
        ...(old === undefined ? {} : { old }),
        ...(missed === undefined ? {} : { missed }),
      });
      if (!('absent' in taken)) return taken;
      if (!(await store.hasRenewalMaster()))
        throw new HsmongerError(
          'MASTER_UNKNOWN',
          `No server is the renewal master, so nobody renews '${nickname}', which this server waits for; name one with 'hsmonger master set'.`,
        );
      return {
        pending: '',
        afterSeconds: Math.round(againSeconds * (1 - spread + 2 * spread * random())),
        message: `The renewal master has not published a new certificate for '${nickname}' yet: ${taken.absent}.`,
      };
    },
    roots: async () => {
      const authorities = await store.authorities();
      return {
        chain: authorities.filter((one) => !isSelfSigned(one)).map(({ der }) => der),
        roots: authorities.filter(isSelfSigned).map(({ der }) => der),
      };
    },
    close: () => Promise.resolve(),
  };
}
