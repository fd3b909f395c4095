import { HsmongerError } from '../../../errors.js';
import { equalBytes } from '../../../x509/der.js';
import { findExtension } from '../../../x509/extensions/extensions.js';
import { nameText } from '../../../x509/names/name.js';
import { nameConstraintsExtension } from '../../../x509/names/name-constraints.js';
import { oids } from '../../../x509/oids.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';
import type { OwnCaOptions } from './own-options.js';
import { constraintsOf } from './own-order.js';

/**
 * Run again, a command changes nothing of a CA's certificate (DER) that is there: USAGE where a flag says otherwise than it does, as for
 * what stands in the instance file.
 */
export function assertAsMade(options: Pick<OwnCaOptions, 'pathLength' | 'permit' | 'exclude'>, der: Uint8Array): void {
  const { pathLength, extensions, subject } = parseCertificate(der);
  const constraints = constraintsOf(options);
  const wanted = constraints === undefined ? undefined : nameConstraintsExtension(constraints).value;
  const present = findExtension(extensions, oids.nameConstraints)?.value;
  const different = [
    ...(options.pathLength !== undefined && options.pathLength !== pathLength ? ['--path-length'] : []),
    ...(wanted !== undefined && (present === undefined || !equalBytes(wanted, present)) ? ['--permit and --exclude'] : []),
  ];
  if (different.length > 0)
    throw new HsmongerError(
      'USAGE',
      `The certificate of ${nameText(subject)} is there already and says otherwise than ${different.join(', ')}: it keeps what it says when it is renewed. Leave ${different.length > 1 ? 'them' : 'that'} out, or make another CA.`,
    );
}
