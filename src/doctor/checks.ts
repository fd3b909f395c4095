import type { Check } from './check.js';
import { certmongerRunning } from './checks/certmonger/running.js';
import { certmongerKnownBugs } from './checks/certmonger/known-bugs.js';
import { certmongerSettings } from './checks/certmonger/settings.js';
import { requestsMoving } from './checks/certmonger/requests-moving.js';
import { expiryKnown } from './checks/certmonger/expiry-known.js';
import { trackingKnown } from './checks/tracking/tracking-known.js';
import { requestsPresent } from './checks/tracking/requests-present.js';
import { requestsRight } from './checks/tracking/requests-right.js';
import { helperRegistered, keysSafe, noForeignRequests } from './checks/tracking/refusals.js';
import { chainValid } from './checks/chain/chain-valid.js';
import { certificateExpiry } from './checks/chain/certificate-expiry.js';
import { authorityExpiry } from './checks/chain/authority-expiry.js';
import { authorityOutlives } from './checks/chain/authority-outlives.js';
import { authorityIsCa } from './checks/chain/authority-is-ca.js';
import { usagesFit } from './checks/chain/usages-fit.js';
import { digestsStrong } from './checks/chain/digests-strong.js';
import { directoryReachable } from './checks/servers/directory-reachable.js';
import { renewalMaster } from './checks/servers/renewal-master.js';
import { sharedCertificates } from './checks/servers/shared-certificates.js';
import { authorityTrusted } from './checks/servers/authority-trusted.js';
import { pkiEntries } from './checks/servers/pki-entries.js';
import { authorityReachable } from './checks/servers/authority-reachable.js';
import { agentCertificate } from './checks/servers/agent-certificate.js';
import { configurationSafe } from './checks/files/configuration-safe.js';
import { programsSafe } from './checks/files/programs-safe.js';
import { databaseFiles } from './checks/files/database-files.js';
import { stateFiles } from './checks/files/state-files.js';
import { certificateFiles } from './checks/files/certificate-files.js';
import { agentKeySafe } from './checks/files/agent-key-safe.js';
import { pkiConfigCurrent } from './checks/files/pki-config-current.js';
import { selinuxContexts } from './checks/files/selinux-contexts.js';
import { ledgerSound } from './checks/state/ledger-sound.js';
import { savingsFinished } from './checks/state/savings-finished.js';
import { ledgerMatches } from './checks/state/ledger-matches.js';
import { lastOutcomes } from './checks/state/last-outcomes.js';
import { takeOverFinished } from './checks/state/take-over-finished.js';
import { refusedPins } from './checks/state/refused-pins.js';
import { clock } from './checks/host/clock.js';
import { diskSpace } from './checks/host/disk-space.js';

/** All checks, in the order they are told: what others stand on comes first. */
export const checks: readonly Check[] = [
  certmongerRunning, certmongerKnownBugs, certmongerSettings, requestsMoving, expiryKnown,
  trackingKnown, requestsPresent, requestsRight, helperRegistered, noForeignRequests, keysSafe,
  chainValid, certificateExpiry, authorityExpiry, authorityOutlives, authorityIsCa, usagesFit, digestsStrong,
  directoryReachable, renewalMaster, sharedCertificates, authorityTrusted, pkiEntries, authorityReachable, agentCertificate,
  configurationSafe, programsSafe, databaseFiles, stateFiles, certificateFiles, agentKeySafe, pkiConfigCurrent, selinuxContexts,
  ledgerSound, savingsFinished, ledgerMatches, lastOutcomes, takeOverFinished, refusedPins,
  clock, diskSpace,
];
