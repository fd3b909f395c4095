import * as is from './conditions.js';
import type { SiteFacts } from './facts.js';
import type { LoginProbe, Verdict } from './probe.js';
import type { Row } from './row.js';

const verdict = (found: Verdict | undefined, otherwise: string) => (found?.ok === false ? found.problem : otherwise);
const tokenOf = ({ token }: SiteFacts) => `token '${token?.label ?? ''}'`;
const fileOf = ({ token }: SiteFacts) => (token?.pinFile === undefined ? 'its PIN' : `the PIN in ${token.pinFile}`);

export const tokenProblem = ({ probe, ...facts }: SiteFacts): string =>
  probe?.token?.state === 'away' ? probe.token.problem : `The ${tokenOf(facts)} is away.`;

export const loginProblem = ({ probe, ...facts }: SiteFacts): string => {
  const login: LoginProbe | undefined = probe?.token?.state === 'present' ? probe.token.login : undefined;
  return login === undefined || login.state === 'proven' ? `Nobody can log in to ${tokenOf(facts)}.` : login.problem;
};

/** Of trouble that all of an instance's requests share, whether or not one is due. Nearest to the cause first. */
export const site = {
  certmongerAway: {
    cause: 'certmonger-away',
    when: [is.certmongerAway],
    severity: 'critical',
    sentence: ({ certmonger }) => certmonger?.trouble ?? '',
    cure: 'a person',
    advice: 'Start it with systemctl start certmonger, unless somebody has stopped it on purpose.',
  },
  disk: {
    cause: 'disk',
    when: [is.diskFull],
    severity: 'critical',
    sentence: ({ probe }) => verdict(probe?.disk, ''),
    cure: 'a person',
    advice: 'Make room on that file system.',
  },
  tokenAway: {
    cause: 'token-away',
    when: [is.tokenAway],
    severity: 'critical',
    sentence: tokenProblem,
    cure: 'waiting',
    advice:
      "Bring the token back (its daemon, its network, its device); what waits for it goes on by itself then. 'hsmonger token list' shows what the module sees.",
  },
  pinLocked: {
    cause: 'pin-locked',
    when: [is.pinLocked],
    severity: 'critical',
    sentence: (facts) => `The user PIN of ${tokenOf(facts)} is locked: no renewal can sign.`,
    cure: 'a person',
    advice: "Unlock it as security officer (the vendor's tool, or pkcs11-tool --init-pin), then write the PIN file anew.",
  },
  pinRefused: {
    cause: 'pin-refused',
    when: [is.pinRefused],
    severity: 'critical',
    sentence: loginProblem,
    cure: 'move PIN aside',
    advice: 'Write the right PIN into the PIN file: it is tried once, and what waits for it goes on by itself.',
  },
  pinFinalTry: {
    cause: 'pin-final-try',
    when: [is.pinFinalTry],
    severity: 'critical',
    sentence: (facts) => `One more wrong PIN locks ${tokenOf(facts)}, and ${fileOf(facts)} is not proven: nobody tries it.`,
    cure: 'move PIN aside',
    advice:
      "Check the PIN, write it into the PIN file, and use up the try with 'hsmonger token check --force', or log in once with the vendor's tool.",
  },
  pinMovedAside: {
    cause: 'pin-refused',
    when: [is.pinMovedAside],
    severity: 'critical',
    sentence: (facts) =>
      `${tokenOf(facts).replace(/^t/u, 'T')} refused the PIN in ${facts.token?.pinFile ?? 'the PIN file'}, which was moved to ${facts.pinMovedTo ?? ''} so that certmonger spends no more attempts on it.`,
    cure: 'waiting',
    advice: (facts) =>
      `Write the right PIN to ${facts.token?.pinFile ?? 'the PIN file'}, owned by '${facts.user}' with mode 0600: it is tried once, and what waits for it goes on by itself.`,
  },
  pinUnsafe: {
    cause: 'pin-unsafe',
    when: [is.pinUnsafe],
    severity: 'critical',
    sentence: loginProblem,
    cure: 'a person',
    advice: 'Give the PIN file and its directory to root or the service user alone; the PIN is tried as soon as that is so.',
  },
  pinMissing: {
    cause: 'pin-missing',
    when: [is.pinMissing],
    severity: 'critical',
    sentence: loginProblem,
    cure: 'waiting',
    advice: ({ token }) =>
      `${token?.pinFile === undefined ? "Unlock it ('hsmonger unlock'), or give its source the PIN" : `Write the PIN to ${token.pinFile}`}; what waits for it goes on by itself.`,
  },
  tokenSilent: {
    cause: 'token-silent',
    when: [is.loginUnanswered],
    severity: 'error',
    sentence: loginProblem,
    cure: 'waiting',
    advice: 'Check that the HSM is up and answers; it is asked again by itself.',
  },
  nssUnwritable: {
    cause: 'nss-unwritable',
    when: [is.nssUnwritable],
    severity: 'critical',
    sentence: ({ probe, user, database }) =>
      `User '${user}', as whom certmonger saves, cannot read and write the NSS database ${database} (${(probe?.nss?.unwritable ?? []).map((name) => (name === '.' ? 'the directory' : name)).join(', ')}).`,
    cure: 'waiting',
    advice: ({ user, database }) =>
      `Give it to that user: chown -R ${user} ${database}; and check that its file system is not mounted read-only. What waits goes on by itself.`,
  },
  helperNotExecutable: {
    cause: 'helper-not-executable',
    when: [is.helperBroken],
    severity: 'critical',
    sentence: ({ probe }) => verdict(probe?.helper, ''),
    cure: 'waiting',
    advice: "Make it executable again, or run 'hsmonger setup' where it lies elsewhere now; certmonger tries again every 30 seconds.",
  },
  directoryDown: {
    cause: 'directory-down',
    when: [is.directoryDown],
    severity: 'error',
    sentence: ({ probe }) => verdict(probe?.directory, ''),
    cure: 'waiting',
    advice: 'Start the directory server; what waits for it goes on by itself.',
  },
  caUnreachable: {
    cause: 'ca-unreachable',
    when: [is.caDown],
    severity: 'error',
    sentence: ({ probe }) => verdict(probe?.ca, ''),
    cure: 'waiting',
    advice: 'Start the CA; what waits for it goes on by itself.',
  },
} as const satisfies Readonly<Record<string, Row<SiteFacts>>>;

export const siteRows: readonly Row<SiteFacts>[] = Object.values(site);
