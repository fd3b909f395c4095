import type { ServiceContext } from './context.js';
import { adoptCertificate } from './tasks/token/adopt-certificate.js';
import { changeTokenPin } from './tasks/token/change-token-pin.js';
import { checkKeys } from './tasks/token/check-keys.js';
import { compareServers } from './tasks/servers/compare-servers.js';
import { countObjects } from './tasks/token/count-objects.js';
import { examineState } from './tasks/state/examine-state.js';
import { identifyTokens } from './tasks/token/identify-tokens.js';
import { exportIssued } from './tasks/ca/export-issued.js';
import { authorityChain, listCertificates, revocationOfCertificate, showCertificate } from './tasks/ca/issued-certificates.js';
import { importCertificate, kindOfImport } from './tasks/ca/import-certificate.js';
import { inspectInternal } from './tasks/nss/inspect-internal.js';
import { inspectNss } from './tasks/nss/inspect-nss.js';
import { inspectToken } from './tasks/token/inspect-token.js';
import { issueCertificates } from './tasks/ca/issue-certificates.js';
import { issueOnToken } from './tasks/ca/issue-on-token.js';
import { holdLedger, ledgerMark } from './tasks/state/ledger-mark.js';
import { listInternalNicknames } from './tasks/nss/list-internal-nicknames.js';
import { listNssModules } from './tasks/nss/list-nss-modules.js';
import { listTokens } from './tasks/token/list-tokens.js';
import { lookAtAuthority } from './tasks/renewal/look-at-authority.js';
import { lookAtToken } from './tasks/token/look-at-token.js';
import { lookAtNss } from './tasks/nss/look-at-nss.js';
import { makeCrl } from './tasks/ca/make-crl.js';
import { makeNssDatabase } from './tasks/nss/make-nss-database.js';
import { makeRequest } from './tasks/ca/make-request.js';
import { makeOwnRoot } from './tasks/ca/make-root.js';
import { moveAside } from './tasks/token/move-aside.js';
import { addNssModule, removeNssModule } from './tasks/nss/nss-module.js';
import { previewIssuance } from './tasks/ca/preview-issuance.js';
import { previewRenewals } from './tasks/renewal/preview-renewal.js';
import { provePin } from './tasks/token/prove-pin.js';
import { readPkiConfig } from './tasks/servers/read-pki-config.js';
import { readLedger } from './tasks/state/read-ledger.js';
import { noteOnToken } from './tasks/state/note-on-token.js';
import { requestCa, subjectAskedFor } from './tasks/ca/request-ca.js';
import { revokeCertificate } from './tasks/ca/revoke-certificate.js';
import { savingAhead, savingDone, savingFinished, savingPrepared, savingResumed, savingsPending } from './tasks/renewal/saving.js';
import { lookAtServers, nameMaster, trustedAuthorities } from './tasks/servers/servers.js';
import { setTrust } from './tasks/nss/set-trust.js';
import { beginBackup, endBackup, readParts, settleRestored, writeParts } from './tasks/state/state-parts.js';
import { importCa, storeCa } from './tasks/ca/store-ca.js';
import { makeToken, planNewToken } from './tasks/token/init-token.js';
import { listTokenMechanisms } from './tasks/token/list-mechanisms.js';
import { listObjects } from './tasks/token/list-objects.js';
import { makeKey } from './tasks/token/make-key.js';
import { moveKeyId } from './tasks/token/move-key-id.js';
import { pruneCertificates } from './tasks/token/prune-certificates.js';
import { putCertificate } from './tasks/token/put-certificate.js';
import { emptyState, keepInState, readSetupMemory, writeSetupMemory } from './tasks/state/setup-memory.js';

/** Everything that runs as the service user, by name. A task takes the context and one input that V8 can serialise. */
const tasks = {
  'inspect NSS database': inspectNss,
  'inspect internal store': inspectInternal,
  'inspect token': inspectToken,
  'list tokens': listTokens,
  'identify tokens': identifyTokens,
  'adopt certificate': adoptCertificate,
  'list NSS modules': listNssModules,
  'list objects': listObjects,
  'list mechanisms': listTokenMechanisms,
  'plan new token': planNewToken,
  'make token': makeToken,
  'make key': makeKey,
  'put certificate': putCertificate,
  'prune certificates': pruneCertificates,
  'move key id': moveKeyId,
  'check keys': checkKeys,
  'count objects': countObjects,
  'move PIN aside': moveAside,
  'prove PIN': provePin,
  'change token PIN': changeTokenPin,
  'preview renewals': previewRenewals,
  'read ledger': readLedger,
  'note what is in place': noteOnToken,
  'examine state': examineState,
  'add NSS module': addNssModule,
  'remove NSS module': removeNssModule,
  'read setup memory': readSetupMemory,
  'write setup memory': writeSetupMemory,
  'keep in state': keepInState,
  'empty state': emptyState,
  'begin backup': beginBackup,
  'read state parts': readParts,
  'end backup': endBackup,
  'write state parts': writeParts,
  'settle restored state': settleRestored,
  'mark of ledger': ledgerMark,
  'hold ledger': holdLedger,
  'before saving': savingAhead,
  'prepare saving': savingPrepared,
  'after saving': savingDone,
  'pending savings': savingsPending,
  'resume saving': savingResumed,
  'finish saving': savingFinished,
  'make request': makeRequest,
  'kind of import': kindOfImport,
  'import certificate': importCertificate,
  'make NSS database': makeNssDatabase,
  'make root': makeOwnRoot,
  'request CA certificate': requestCa,
  'subject asked for': subjectAskedFor,
  'store CA certificate': storeCa,
  'import CA certificate': importCa,
  'list certificates': listCertificates,
  'show certificate': showCertificate,
  'is revoked': revocationOfCertificate,
  'read CA chain': authorityChain,
  'issue certificates': issueCertificates,
  'issue on token': issueOnToken,
  'preview issuance': previewIssuance,
  'revoke certificate': revokeCertificate,
  'make CRL': makeCrl,
  'export issued': exportIssued,
  'look at token': lookAtToken,
  'look at NSS database': lookAtNss,
  'set trust': setTrust,
  'list internal nicknames': listInternalNicknames,
  'look at servers': lookAtServers,
  'compare servers': compareServers,
  'look at authority': lookAtAuthority,
  'read PKI configuration': readPkiConfig,
  'set renewal master': nameMaster,
  'read CA certificates': trustedAuthorities,
} as const satisfies Record<string, (context: ServiceContext, input: never) => Promise<unknown>>;

type Tasks = typeof tasks;
export type TaskName = keyof Tasks;
export type TaskInput<K extends TaskName> = Parameters<Tasks[K]>[1];
export type TaskOutput<K extends TaskName> = Awaited<ReturnType<Tasks[K]>>;

/** Runs a task named by the parent process, which has checked the types. */
export function runTask(context: ServiceContext, name: TaskName, input: unknown): Promise<unknown> {
  return (tasks[name] as (context: ServiceContext, input: unknown) => Promise<unknown>)(context, input);
}
