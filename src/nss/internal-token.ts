import { existsSync } from 'node:fs';
import type { NssConfig, TokenConfig } from '../config/instance.js';
import { HsmongerError } from '../errors.js';

/** Where distributions put NSS's software token: Debian and Ubuntu by architecture, Fedora and RHEL, others. */
const places = [
  ...[
    'x86_64-linux-gnu',
    'aarch64-linux-gnu',
    's390x-linux-gnu',
    'powerpc64le-linux-gnu',
    'riscv64-linux-gnu',
    'arm-linux-gnueabihf',
  ].flatMap((triplet) => [`/usr/lib/${triplet}`, `/usr/lib/${triplet}/nss`]),
  '/usr/lib64',
  '/usr/lib',
];

/** What the internal database calls itself when softokn is loaded directly, in FIPS mode too. */
const softoknLabel = 'NSS Certificate DB';

/**
 * The internal database as the PKCS#11 token it is: NSS's softokn, opened without NSS above it. `certutil -D` knows nicknames only,
 * and of two certificates with one nickname takes whichever NSS thinks best; a token gives and removes exactly one object.
 */
export function internalToken({ database, passwordFile }: NssConfig): TokenConfig {
  const module = places.map((place) => `${place}/libsoftokn3.so`).find((file) => existsSync(file));
  if (module === undefined)
    throw new HsmongerError(
      'NSS_NOT_FOUND',
      `NSS's own token, libsoftokn3.so, is in none of ${[...new Set(places)].join(', ')}; install libnss3 (Debian) or nss-softokn (Fedora).`,
    );
  if (/['"\\]/u.test(database))
    throw new HsmongerError(
      'NSS_UNSUPPORTED',
      `The NSS database ${database} has a quote or backslash in its path, which NSS's parameters cannot carry; move it.`,
    );
  return {
    selector: { by: 'label', label: softoknLabel },
    module,
    parameters: `configdir='sql:${database}' certPrefix='' keyPrefix='' secmod='' flags=noModDB`,
    environment: {},
    // Never read where the database has no password of its own.
    pin: { from: 'file', path: passwordFile ?? '/dev/null' },
  };
}
