import type { ErrorCode } from '../errors.js';
import * as is from './conditions.js';
import { seen } from './conditions.js';
import type { RequestFacts } from './facts.js';
import { askingStates, caSaveStates, csrStates, keyMakingStates, passingStates, pinStates, saveFailedStates, savingStates, scepStates, tokenStates } from './groups.js';
import type { Row } from './row.js';
import { loginProblem, site, tokenProblem } from './site-rows.js';

const minute = 60_000;
const iso = (date: Date | undefined) => date?.toISOString().slice(0, 10) ?? '';
const status = (facts: RequestFacts) => seen(facts)?.status ?? '';
const id = (facts: RequestFacts) => seen(facts)?.id ?? '';
const caError = (facts: RequestFacts) => seen(facts)?.caError ?? '';
const answer = ({ remembered }: RequestFacts) => remembered.outcome?.message ?? '';

/** What stands in the way of a request that waits is told by the instance's own rows. */
const waitsForLogin = [...pinStates, ...tokenStates, ...saveFailedStates, ...savingStates];

/** Answers of the helper by what has to change before it answers otherwise; every other is told as it is. */
const codes = {
  token: ['MODULE_NOT_FOUND', 'MODULE_FAILED', 'TOKEN_NOT_FOUND', 'TOKEN_AMBIGUOUS', 'TOKEN_FAILED', 'TOKEN_READ_ONLY', 'SESSION_LOST', 'KEY_NOT_FOUND', 'CERTIFICATE_NOT_FOUND'],
  pin: ['PIN_SOURCE_INVALID', 'PIN_SOURCE_MISSING', 'PIN_UNSAFE', 'PIN_INCORRECT', 'PIN_KNOWN_BAD', 'PIN_UNANSWERED', 'PIN_LOCKED', 'PIN_FINAL_TRY'],
  directory: ['DIRECTORY_UNAVAILABLE', 'DIRECTORY_REFUSED', 'DIRECTORY_CHANGED', 'DIRECTORY_INVALID'],
  ca: ['CA_UNREACHABLE', 'CA_ANSWER_INVALID', 'AGENT_REFUSED'],
  pending: ['CA_PENDING'],
  others: ['NOT_PUBLISHED', 'MASTER_UNKNOWN', 'RENEWAL_LOCKED', 'ISSUER_DUE'],
  outside: ['ISSUER_EXTERNAL'],
  nss: ['NSS_NOT_FOUND', 'NSS_UNSUPPORTED', 'NSS_PASSWORD', 'NSS_FAILED'],
  state: ['STATE_UNAVAILABLE', 'STATE_BUSY'],
} as const satisfies Record<string, readonly ErrorCode[]>;

/** Of one request. The first row that holds is the diagnosis: the nearest to the cause stands first. */
export const requestRows = [
  // what must be right before anything else counts
  { cause: 'certificate-missing', when: [is.missingInStore], severity: 'critical', sentence: ({ nickname, place }) => `There is no certificate '${nickname}' ${place}.`, cure: 'a person', advice: "Put it back ('hsmonger token import-cert'), or take it out of the instance file." },
  { cause: 'not-tracked', when: [is.notTracked], severity: 'error', sentence: () => 'certmonger does not track it.', cure: 'reconcile', advice: "Run 'hsmonger track apply'." },
  {
    cause: 'makes-keys',
    states: keyMakingStates,
    when: [],
    severity: 'critical',
    sentence: (facts) => `certmonger is about to make a new key (state ${status(facts)}), which must not happen: nothing is resubmitted.`,
    cure: 'a person',
    advice: (facts) => `Stop it at once: getcert stop-tracking -i ${id(facts)}; look for what 'hsmonger doctor' says of keys and of certificates without a label, then run 'hsmonger track apply'.`,
  },
  { cause: 'other-key', when: [is.otherKey], severity: 'error', sentence: () => "certmonger's type and size of the key are not the certificate's: a renewal would make a new key, so none is asked for.", cure: 'a person', advice: "See 'hsmonger track plan'; stop tracking it and run 'hsmonger track apply'." },
  { cause: 'ca-unknown', states: ['NEED_CA'], when: [], severity: 'error', sentence: () => 'certmonger does not know the CA of this request.', cure: 'reconcile', advice: "Run 'hsmonger setup' again." },

  // Between two rounds of a saving that cannot do: started over it waits where it keeps no lock, which in here it does half of the time (iterate.c:1526), and spends no login.
  { ...site.tokenAway, states: saveFailedStates, when: [is.onToken, is.tokenAway], severity: 'error', sentence: tokenProblem, cure: 'resubmit' },
  { ...site.pinMovedAside, states: saveFailedStates, when: [is.onToken, is.pinMovedAside], severity: 'error', cure: 'resubmit' },
  { ...site.pinMissing, states: saveFailedStates, when: [is.onToken, is.pinAbsent], severity: 'error', sentence: loginProblem, cure: 'resubmit' },

  // what the probe found, where the request waits for just that
  { ...site.tokenAway, states: waitsForLogin, when: [is.onToken, is.tokenAway], severity: 'error', sentence: tokenProblem },
  { ...site.pinLocked, states: waitsForLogin, when: [is.onToken, is.pinLocked] },
  { ...site.pinRefused, states: waitsForLogin, when: [is.onToken, is.pinRefused], severity: 'error', sentence: loginProblem },
  { ...site.pinFinalTry, states: waitsForLogin, when: [is.onToken, is.pinFinalTry] },
  { ...site.pinMovedAside, states: waitsForLogin, when: [is.onToken, is.pinMovedAside], severity: 'error' },
  { ...site.pinUnsafe, states: waitsForLogin, when: [is.onToken, is.pinUnsafe], severity: 'error', sentence: loginProblem },
  { ...site.pinMissing, states: waitsForLogin, when: [is.onToken, is.pinMissing], severity: 'error', sentence: loginProblem },
  { ...site.tokenSilent, states: waitsForLogin, when: [is.onToken, is.loginUnanswered], sentence: loginProblem },
  { ...site.helperNotExecutable, states: askingStates, when: [is.helperBroken], severity: 'error' },
  {
    cause: 'key-missing',
    states: tokenStates,
    when: [is.onToken, is.keyBroken],
    severity: 'critical',
    sentence: ({ nickname, probe }) => { const key = probe?.token?.state === 'present' ? probe.token.keys[nickname] : undefined; return key?.ok === false ? key.problem : ''; },
    cure: 'a person',
    advice: "See 'hsmonger token keys' and 'hsmonger token check'; bring the key back from its backup.",
  },

  // stuck, and what it waited for is there (again)
  {
    cause: 'token-unseen',
    states: tokenStates,
    when: [is.onToken, is.keyProven, is.triedInVain],
    severity: 'error',
    sentence: ({ token }) => `The token '${token?.label ?? ''}' answers, but certmonger does not find it: its module is not registered in the NSS database, or its configuration is not visible to certmonger, whose environment is cleared.`,
    cure: 'restart',
    advice: "Run 'hsmonger track plan': it looks as certmonger does. It is tried again by itself.",
  },
  // Read again without its key there, it would be made (iterate.c, READING_KEYINFO).
  { cause: 'token-away', states: ['NEWLY_ADDED_NEED_KEYINFO_READ_TOKEN', 'NEED_KEYINFO_READ_TOKEN'], when: [is.onToken, is.keyProven], severity: 'error', sentence: () => 'The token was away when certmonger read the key; it is back.', cure: 'restart', advice: 'Nothing: certmonger is set going again.' },
  { cause: 'token-away', states: ['NEED_CSR_GEN_TOKEN', 'NEED_CERTSAVE_TOKEN'], when: [is.onToken, is.loginProven], severity: 'error', sentence: () => 'The token was away when certmonger needed it; it is back.', cure: 'resubmit', advice: 'Nothing: it is resubmitted.' },
  { cause: 'pin-refused', states: ['NEWLY_ADDED_NEED_KEYINFO_READ_PIN', 'NEED_KEYINFO_READ_PIN'], when: [is.onToken, is.keyProven], severity: 'error', sentence: () => 'certmonger had no PIN that worked when it read the key; the PIN is proven now.', cure: 'restart', advice: 'Nothing: certmonger is set going again.' },
  { cause: 'pin-refused', states: ['NEED_CSR_GEN_PIN'], when: [is.onToken, is.loginProven], severity: 'error', sentence: () => 'certmonger had no PIN that worked when it needed one; the PIN is proven now.', cure: 'resubmit', advice: 'Nothing: it is resubmitted.' },

  // the same, and nobody has looked since
  { cause: 'token-away', states: tokenStates, when: [is.onToken], severity: 'error', sentence: (facts) => `certmonger does not find the token, or not the key on it (state ${status(facts)}).`, cure: 'waiting', advice: "Check that the token is there ('hsmonger token list'), that its module is registered in the NSS database and its configuration visible to certmonger, whose environment is cleared." },
  { cause: 'pin-refused', states: pinStates, when: [is.onToken], severity: 'error', sentence: (facts) => `The PIN in the PIN file was refused or is missing (state ${status(facts)}).`, cure: 'waiting', advice: "Mend the PIN file, then run 'hsmonger renew' unless the agent runs." },
  { cause: 'token-needless', states: [...tokenStates, ...pinStates], when: [is.notOnToken], severity: 'error', sentence: (facts) => `certmonger cannot open the store of the key (state ${status(facts)}), though it lies on no token: a password is missing, wrong, or given where none is needed.`, cure: 'reconcile', advice: "Check nss.password-file, then run 'hsmonger track apply' and 'hsmonger renew'." },
  { cause: 'pin-not-needed', states: ['NEED_CERTSAVE_PIN'], when: [], severity: 'error', sentence: () => 'certmonger holds a PIN for a store that needs none, calls that an error, and keeps the lock other savings need (iterate.c:1216).', cure: 'reconcile', advice: "Run 'hsmonger track apply': it gives the request the PIN file it needs, or none." },

  // saving
  { ...site.nssUnwritable, states: [...saveFailedStates, ...savingStates], when: [is.nssUnwritable, is.savingFails], severity: 'error' },
  { cause: 'nss-unwritable', states: ['NEED_CERTSAVE_PERMS'], when: [], severity: 'error', sentence: ({ user, database }) => `User '${user}' could not write the NSS database ${database}, and the request keeps the lock other savings need until it is resubmitted.`, cure: 'resubmit', advice: ({ user, database }) => `Give it to that user: chown -R ${user} ${database}.` },
  { cause: 'ca-certificates-unwritable', states: caSaveStates, when: [], severity: 'error', sentence: () => 'certmonger cannot write where the CA certificates go, and the request keeps the lock other savings need.', cure: 'restart', advice: 'Mend the permissions of the files and databases CA certificates are saved to; it is tried again by itself.' },
  { cause: 'saving-fails', when: [is.savingFails], severity: 'error', sentence: () => 'Saving the certificate fails, and certmonger tries again every minute, for ever.', cure: 'waiting', advice: 'Check token, PIN file, NSS database and the journal of certmonger.' },

  // the making of the certificate request
  { ...site.tokenAway, states: csrStates, when: [is.onToken, is.requestFails, is.tokenAway], severity: 'error', sentence: tokenProblem },
  {
    cause: 'request-crashes',
    states: csrStates,
    when: [is.requestFails, is.asksNetscapeType],
    severity: 'error',
    sentence: (facts) => `certmonger's child that makes the certificate request is ended by malloc each time, and certmonger begins the next every 30 seconds: it writes behind its copy of the Netscape certificate type ('${seen(facts)?.netscapeType ?? ''}').`,
    cure: 'reconcile',
    advice: "Run 'hsmonger track apply': certmonger then asks for no such type, and goes on by itself.",
  },
  {
    cause: 'request-fails',
    states: csrStates,
    when: [is.requestFails],
    severity: 'error',
    sentence: () => "certmonger's child that makes the certificate request has ended without one again and again: it crashes, or the token does not sign. certmonger begins the next every 30 seconds, for ever.",
    cure: 'a person',
    advice: "See certmonger's journal (journalctl -u certmonger). Where malloc ends the child ('free(): …', 'corrupted size …') or it says nothing: systemctl restart certmonger. Where it names the token: see 'hsmonger token check'.",
  },

  // at a loss
  { cause: 'scep', states: scepStates, when: [], severity: 'error', sentence: (facts) => `The request is one of SCEP (state ${status(facts)}), which hsmonger never asks for.`, cure: 'a person', advice: "Stop tracking it and run 'hsmonger track apply'." },
  { cause: 'helper-killed', states: ['NEED_GUIDANCE'], when: [], severity: 'error', sentence: () => "certmonger did not understand the helper's answer, or the helper was killed.", cure: 'resubmit', advice: "See certmonger's journal; it is asked again by itself, and gets the same certificate where one was issued." },
  { cause: 'refused', states: ['CA_REJECTED'], when: [is.hasCaError], severity: 'error', sentence: caError, quoted: true, cure: 'resubmit', advice: 'Mend what it says; it is asked again by itself, less and less often.' },
  { cause: 'refused', states: ['CA_REJECTED'], when: [], severity: 'error', sentence: () => 'The CA refused the request and did not say why.', cure: 'resubmit', advice: 'See the journal of the CA; it is asked again by itself, less and less often.' },
  { cause: 'unconfigured', states: ['CA_UNCONFIGURED'], when: [is.hasCaError], severity: 'error', sentence: caError, quoted: true, cure: 'resubmit', advice: 'Mend what it says; it is asked again by itself, less and less often.' },
  { cause: 'unconfigured', states: ['CA_UNCONFIGURED'], when: [], severity: 'error', sentence: () => 'The helper is not configured and did not say why.', cure: 'resubmit', advice: "See certmonger's journal and 'hsmonger doctor'." },
  { cause: 'stuck', when: [is.isStuck], severity: 'error', sentence: (facts) => `certmonger waits for an administrator (state ${status(facts)}).`, cure: 'a person', advice: "See certmonger's journal, then run 'hsmonger renew'." },

  // at rest, but not well
  { cause: 'expired-refused', states: ['MONITORING', ...askingStates], when: [is.expired, is.hasCaError], severity: 'critical', sentence: (facts) => `It has expired, and a new one is refused, every 30 seconds: ${caError(facts)}`, quoted: true, cure: 'waiting', advice: 'Mend what it says: certmonger asks again every 30 seconds by itself.' },
  { cause: 'needs-outside-ca', states: ['MONITORING', 'CA_REJECTED'], when: [is.hasCaError, is.lastAnswer(codes.outside)], severity: 'error', sentence: caError, quoted: true, cure: 'a person', advice: "Have the outside CA sign it, then run 'hsmonger ca import'." },
  { cause: 'refused', states: ['MONITORING'], when: [is.hasCaError], severity: 'error', sentence: caError, quoted: true, cure: 'resubmit', advice: 'Mend what it says; it is asked again by itself, less and less often, before certmonger would.' },
  { cause: 'refused', when: [is.hasCaError], severity: 'error', sentence: caError, quoted: true, cure: 'waiting', advice: 'Mend what it says.' },
  { cause: 'renews-in-circles', when: [is.inCircles], severity: 'error', sentence: () => 'It was renewed again and again, and certmonger still reads the old certificate.', cure: 'a person', advice: "See 'hsmonger doctor': certificates of this name that are left over on the token, or a CKA_ID that is not the key's (docs/track.md)." },
  {
    cause: 'lock-held',
    states: passingStates,
    when: [is.lockHeld, is.longerThan(minute)],
    severity: 'warning',
    sentence: ({ lockHeldBy }) => `It waits for the lock that the request '${lockHeldBy ?? ''}' keeps, which is stuck.`,
    cure: 'waiting',
    advice: 'Mend that request; it is freed by itself where it is one of hsmonger.',
  },
  { cause: 'helper-not-executable', states: ['NEED_TO_SUBMIT'], when: [is.longerThan(minute)], severity: 'error', sentence: () => 'certmonger cannot run the helper, and tries again every 30 seconds.', cure: 'waiting', advice: "Check that the helper is there and executable ('getcert list-cas' names it), or run 'hsmonger setup'." },
  {
    cause: 'helper-hangs',
    states: ['SUBMITTING'],
    when: [is.longerThan(10 * minute)],
    severity: 'error',
    sentence: () => 'certmonger has waited for the helper for more than 10 minutes.',
    cure: 'a person',
    // A resubmit would have certmonger wait for that process, and all other requests with it (waitpid in cm_iterate_entry_done).
    advice: "End that process, a child of certmonger; then it is asked again by itself. Do not resubmit before: certmonger as a whole would wait for it.",
  },
  { cause: 'not-moving', states: passingStates, when: [is.longerThan(15 * minute)], severity: 'error', sentence: (facts) => `Its state, ${status(facts)}, takes seconds and has lasted for more than 15 minutes.`, cure: 'a person', advice: "Look for a child of certmonger that hangs in the token's module or in a hook, and end it." },

  // the helper said to ask again
  { cause: 'token-away', states: ['CA_WORKING'], when: [is.lastAnswer(codes.token), is.lookedSince, is.loginProven], severity: 'warning', sentence: answer, quoted: true, cure: 'refresh', advice: 'Nothing: the token is back and the helper is asked at once.' },
  { cause: 'token-away', states: askingStates, when: [is.lastAnswer(codes.token)], severity: 'warning', sentence: answer, quoted: true, cure: 'waiting', advice: 'Bring the token back; it is asked again by itself.' },
  { cause: 'pin-refused', states: ['CA_WORKING'], when: [is.lastAnswer(codes.pin), is.lookedSince, is.loginProven], severity: 'warning', sentence: answer, quoted: true, cure: 'refresh', advice: 'Nothing: the PIN is proven and the helper is asked at once.' },
  { cause: 'pin-refused', states: askingStates, when: [is.lastAnswer(codes.pin)], severity: 'error', sentence: answer, quoted: true, cure: 'waiting', advice: 'Mend the PIN; it is asked again by itself.' },
  { cause: 'directory-down', states: ['CA_WORKING'], when: [is.lastAnswer(codes.directory), is.lookedSince, is.directoryUp], severity: 'warning', sentence: answer, quoted: true, cure: 'refresh', advice: 'Nothing: the directory answers and the helper is asked at once.' },
  { cause: 'directory-down', states: askingStates, when: [is.lastAnswer(codes.directory)], severity: 'warning', sentence: answer, quoted: true, cure: 'waiting', advice: 'Start the directory server; it is asked again by itself.' },
  { cause: 'ca-unreachable', states: ['CA_WORKING'], when: [is.lastAnswer(codes.ca), is.lookedSince, is.caUp], severity: 'warning', sentence: answer, quoted: true, cure: 'refresh', advice: 'Nothing: the CA answers and the helper is asked at once.' },
  { cause: 'ca-unreachable', states: askingStates, when: [is.lastAnswer(codes.ca)], severity: 'warning', sentence: answer, quoted: true, cure: 'waiting', advice: 'Start the CA; it is asked again by itself.' },
  { cause: 'ca-pending', states: askingStates, when: [is.lastAnswer(codes.pending)], severity: 'warning', sentence: answer, quoted: true, cure: 'waiting', advice: 'Approve the request at the CA; it is asked again by itself.' },
  { cause: 'waits-for-others', states: askingStates, when: [is.lastAnswer(codes.others)], severity: 'warning', sentence: answer, quoted: true, cure: 'waiting', advice: 'See the renewal master; it is asked again by itself.' },
  { cause: 'nss-unwritable', states: ['CA_WORKING'], when: [is.lastAnswer(codes.nss), is.lookedSince, is.nssWritable], severity: 'warning', sentence: answer, quoted: true, cure: 'refresh', advice: 'Nothing: the NSS database can be written and the helper is asked at once.' },
  { cause: 'nss-unwritable', states: askingStates, when: [is.lastAnswer(codes.nss)], severity: 'error', sentence: answer, quoted: true, cure: 'waiting', advice: 'Give the NSS database to the service user; it is asked again by itself.' },
  { cause: 'disk', states: ['CA_WORKING'], when: [is.lastAnswer(codes.state), is.lookedSince, is.diskFine], severity: 'warning', sentence: answer, quoted: true, cure: 'refresh', advice: 'Nothing: the state can be written and the helper is asked at once.' },
  { cause: 'disk', states: askingStates, when: [is.lastAnswer(codes.state)], severity: 'error', sentence: answer, quoted: true, cure: 'waiting', advice: 'Make room, or mend the owner of the state directory; it is asked again by itself.' },
  // Seven days unless a cookie says otherwise (iterate.c, cm_decide_ca_delay).
  { cause: 'ca-unreachable', states: ['CA_UNREACHABLE'], when: [is.caDown], severity: 'error', sentence: ({ probe }) => (probe?.ca?.ok === false ? probe.ca.problem : ''), cure: 'waiting', advice: 'Start the CA: it is asked as soon as it answers.' },
  { cause: 'ca-unreachable', states: ['CA_UNREACHABLE'], when: [], severity: 'error', sentence: () => 'The CA could not be reached, and certmonger would ask again after seven days.', cure: 'refresh', advice: 'Check the CA and the network; it is asked again within minutes by itself.' },
  { cause: 'helper-silent', states: [...askingStates, 'CA_UNREACHABLE'], when: [is.silent], severity: 'warning', sentence: ({ remembered }) => remembered.silence ?? '', quoted: true, cure: 'waiting', advice: 'Check the HSM and its network; it is asked again by itself.' },
  { cause: 'asked-too-rarely', states: ['CA_WORKING'], when: [is.longerThan(10 * minute)], severity: 'warning', sentence: () => 'certmonger has asked nothing for more than 10 minutes.', cure: 'refresh', advice: 'Nothing: the helper is asked again now.' },

  // at rest
  { cause: 'not-saved', states: ['MONITORING'], when: [is.neverSaved], severity: 'error', sentence: ({ remembered }) => `A certificate that expires ${iso(remembered.unsaved)} was issued, but certmonger has not saved it.`, cure: 'resubmit', advice: "Run 'hsmonger renew' for it unless the agent runs: it gets the same one." },
  { cause: 'gave-up', states: ['MONITORING'], when: [is.anyAnswer], severity: 'error', sentence: answer, quoted: true, cure: 'resubmit', advice: 'Mend what it says; it is asked again by itself.' },
  { cause: 'helper-waits', when: [is.anyAnswer], severity: 'warning', sentence: answer, quoted: true, cure: 'waiting', advice: 'Mend what it says; it is asked again by itself.' },
  { cause: 'saving-left', when: [is.savingLeft], severity: 'warning', sentence: ({ remembered: { saving } }) => `The new certificate is in place, '${saving?.left?.step ?? ''}' is left and tried again by itself: ${saving?.left?.reason ?? 'it was not tried yet.'}`, quoted: true, cure: 'waiting', advice: 'Mend what it says.' },
  { cause: 'saving-stopped', when: [is.savingStopped], severity: 'error', sentence: ({ remembered: { saving } }) => `Saving its new certificate stopped after '${saving?.step ?? ''}'.`, cure: 'a person', advice: "Run 'hsmonger renew' to finish it." },
  { cause: 'expired', when: [is.expired], severity: 'critical', sentence: () => 'It has expired.', cure: 'waiting', advice: "See 'hsmonger doctor' and the journal of certmonger: it asks for a new one every 30 seconds." },
  { cause: 'expiry-unknown', states: ['MONITORING'], when: [is.expiryUnknown, is.onToken, is.not(is.loginProven)], severity: 'error', sentence: () => 'certmonger could not read the certificate and will never renew it.', cure: 'waiting', advice: 'Check token and PIN; certmonger reads it again by itself.' },
  { cause: 'expiry-unknown', states: ['MONITORING'], when: [is.expiryUnknown], severity: 'error', sentence: () => 'certmonger could not read the certificate and will never renew it.', cure: 'restart', advice: "Check that it lies where the request says ('hsmonger track plan'); certmonger reads it again by itself." },
  { cause: 'reads-another', when: [is.readsAnother], severity: 'error', sentence: (facts) => `certmonger reads a certificate that expires ${iso(seen(facts)?.certificate.notAfter)}, not the newest one ${facts.place}.`, cure: 'a person', advice: "See 'hsmonger doctor' for certificates left over." },
] as const satisfies readonly Row<RequestFacts>[];
