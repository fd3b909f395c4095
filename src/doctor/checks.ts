import type { Check } from './check.js';
import { certificateLabels } from './checks/certificates/labels.js';
import { certificatePresent } from './checks/certificates/present.js';
import { certificateReadable } from './checks/certificates/readable.js';
import { certificateSubjects } from './checks/certificates/subjects.js';
import { certificateSuperseded } from './checks/certificates/superseded.js';
import { certificateTwins } from './checks/certificates/twins.js';
import { keyId } from './checks/keys/id.js';
import { keyPresent } from './checks/keys/present.js';
import { keyProtected } from './checks/keys/protected.js';
import { keySigns } from './checks/keys/signs.js';
import { keyTwins } from './checks/keys/twins.js';
import { moduleLoads } from './checks/module/loads.js';
import { nssDatabase } from './checks/nss/database.js';
import { nssModule } from './checks/nss/module.js';
import { nssOwner } from './checks/nss/owner.js';
import { nssPassword } from './checks/nss/password.js';
import { nssTokenTrust } from './checks/nss/token-trust.js';
import { nssTrust } from './checks/nss/trust.js';
import { pinSource } from './checks/pin/source.js';
import { pinWorks } from './checks/pin/works.js';
import { tokenLabel } from './checks/token/label.js';
import { tokenMechanisms } from './checks/token/mechanisms.js';
import { tokenPinState } from './checks/token/pin-state.js';
import { tokenPresent } from './checks/token/present.js';
import { tokenUnique } from './checks/token/unique.js';
import { tokenVisible } from './checks/token/visible.js';
import { tokenWritable } from './checks/token/writable.js';

/** All checks, in the order they are told: what others stand on comes first. */
export const checks: readonly Check[] = [
  moduleLoads,
  tokenPresent,
  tokenUnique,
  tokenLabel,
  tokenWritable,
  tokenPinState,
  tokenMechanisms,
  tokenVisible,
  pinSource,
  pinWorks,
  certificatePresent,
  certificateReadable,
  certificateLabels,
  certificateSubjects,
  certificateTwins,
  certificateSuperseded,
  keyPresent,
  keyProtected,
  keySigns,
  keyId,
  keyTwins,
  nssDatabase,
  nssOwner,
  nssModule,
  nssPassword,
  nssTrust,
  nssTokenTrust,
];
