import type { Check } from './check.js';
import { certificateLabels } from './checks/certificates/labels.js';
import { certificatePresent } from './checks/certificates/present.js';
import { certificateReadable } from './checks/certificates/readable.js';
import { certificateSubjects } from './checks/certificates/subjects.js';
import { certificateSuperseded } from './checks/certificates/superseded.js';
import { certificateTwins } from './checks/certificates/twins.js';
import { expiryKnown } from './checks/certmonger/expiry-known.js';
import { certmongerKnownBugs } from './checks/certmonger/known-bugs.js';
import { requestsMoving } from './checks/certmonger/requests-moving.js';
import { certmongerRunning } from './checks/certmonger/running.js';
import { certmongerSettings } from './checks/certmonger/settings.js';
import { authorityExpiry } from './checks/chain/authority-expiry.js';
import { authorityIsCa } from './checks/chain/authority-is-ca.js';
import { authorityOutlives } from './checks/chain/authority-outlives.js';
import { certificateExpiry } from './checks/chain/certificate-expiry.js';
import { chainValid } from './checks/chain/chain-valid.js';
import { digestsStrong } from './checks/chain/digests-strong.js';
import { keysStrong } from './checks/chain/keys-strong.js';
import { usagesFit } from './checks/chain/usages-fit.js';
import { agentKeySafe } from './checks/files/agent-key-safe.js';
import { certificateFiles } from './checks/files/certificate-files.js';
import { configurationSafe } from './checks/files/configuration-safe.js';
import { databaseModes } from './checks/files/database-modes.js';
import { pkiConfigCurrent } from './checks/files/pki-config-current.js';
import { programsSafe } from './checks/files/programs-safe.js';
import { renewalLockSafe } from './checks/files/renewal-lock-safe.js';
import { selinuxContexts } from './checks/files/selinux-contexts.js';
import { stateFiles } from './checks/files/state-files.js';
import { clock } from './checks/host/clock.js';
import { diskSpace } from './checks/host/disk-space.js';
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
import { agentCertificate } from './checks/servers/agent-certificate.js';
import { authorityReachable } from './checks/servers/authority-reachable.js';
import { authorityTrusted } from './checks/servers/authority-trusted.js';
import { directoryReachable } from './checks/servers/directory-reachable.js';
import { pkiEntries } from './checks/servers/pki-entries.js';
import { renewalMaster } from './checks/servers/renewal-master.js';
import { sharedCertificates } from './checks/servers/shared-certificates.js';
import { lastOutcomes } from './checks/state/last-outcomes.js';
import { ledgerMatches } from './checks/state/ledger-matches.js';
import { ledgerSound } from './checks/state/ledger-sound.js';
import { refusedPins } from './checks/state/refused-pins.js';
import { savingsFinished } from './checks/state/savings-finished.js';
import { takeOverFinished } from './checks/state/take-over-finished.js';
import { tokenLabel } from './checks/token/label.js';
import { tokenMechanisms } from './checks/token/mechanisms.js';
import { tokenPinState } from './checks/token/pin-state.js';
import { tokenPresent } from './checks/token/present.js';
import { tokenUnique } from './checks/token/unique.js';
import { tokenVisible } from './checks/token/visible.js';
import { tokenWritable } from './checks/token/writable.js';
import { helperRegistered, instancesApart, keysTrackable, noForeignRequests } from './checks/tracking/refusals.js';
import { requestsPresent } from './checks/tracking/requests-present.js';
import { requestsRight } from './checks/tracking/requests-right.js';
import { trackingKnown } from './checks/tracking/tracking-known.js';

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
  certmongerRunning,
  certmongerKnownBugs,
  certmongerSettings,
  requestsMoving,
  expiryKnown,
  trackingKnown,
  requestsPresent,
  requestsRight,
  helperRegistered,
  noForeignRequests,
  keysTrackable,
  instancesApart,
  chainValid,
  certificateExpiry,
  authorityExpiry,
  authorityOutlives,
  authorityIsCa,
  usagesFit,
  digestsStrong,
  keysStrong,
  directoryReachable,
  renewalMaster,
  sharedCertificates,
  authorityTrusted,
  pkiEntries,
  authorityReachable,
  agentCertificate,
  configurationSafe,
  programsSafe,
  databaseModes,
  stateFiles,
  certificateFiles,
  agentKeySafe,
  renewalLockSafe,
  pkiConfigCurrent,
  selinuxContexts,
  ledgerSound,
  savingsFinished,
  ledgerMatches,
  lastOutcomes,
  takeOverFinished,
  refusedPins,
  clock,
  diskSpace,
];
