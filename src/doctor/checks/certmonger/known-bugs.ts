import type { Instance } from '../../../config/instance.js';
import { lockHoldingStates } from '../../../diagnosis/groups.js';
import type { Check } from '../../check.js';
import type { CertmongerFacts } from '../../facts/certmonger.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';
import { asksNetscapeType } from '../../../tracking/netscape-type.js';
import { compareVersions, versionOf } from '../../../tracking/version.js';

/** One defect of certmonger that hsmonger does not work around, and whom it touches. */
interface Bug {
  readonly key: string;
  /** The first version with it; absent: every one before `before`. */
  readonly since?: string;
  /** The first version without it; absent: none yet. */
  readonly before?: string;
  readonly severity: Finding['severity'];
  readonly touches: (facts: CertmongerFacts, instance: Instance) => boolean;
  readonly sentence: string;
  readonly fix: string;
}

const onDatabase = ({ certificates }: Instance) => certificates.some(({ storage }) => storage.kind !== 'file');

/**
 * From certmonger's own history (certmonger.spec, %changelog) and from what was tried with it; what a token must list for which version,
 * TokenMechanisms says.
 */
const bugs: readonly Bug[] = [
  {
    key: 'no-nss-user',
    before: '0.79.17',
    severity: 'error',
    touches: (_, instance) => onDatabase(instance),
    sentence: "does not know nss-user, so it opens token and NSS database as root, and files there become root's",
    fix: 'Update certmonger to 0.79.17 or later.',
  },
  {
    key: 'ttl-lists',
    severity: 'warning',
    // prefs.c:170: one static count serves both lists.
    touches: ({ settings }) => lengthOf(settings.get('enroll_ttls')) !== lengthOf(settings.get('notify_ttls')),
    sentence:
      'takes enroll_ttls and notify_ttls for lists of one length, and those in its configuration have different ones, so it reads too few or too many moments to renew at',
    fix: 'Give both lists the same number of items, or set ttls alone, and restart certmonger.',
  },
  {
    key: 'netscape-type',
    severity: 'error',
    touches: ({ requests }) => requests.some(asksNetscapeType),
    sentence:
      "writes behind its copy of a certificate's Netscape type (nsCertType) while it makes a request for a new one, as of one it tracks now, so the process that makes it may be ended by malloc, again and again",
    fix: "Run 'hsmonger track apply' for those of hsmonger; renew others with 'hsmonger renew', or have their CA leave that extension out.",
  },
  {
    key: 'writing-lock',
    severity: 'critical',
    // iterate.c:1216-1277,1606-1643.
    touches: ({ requests }) => requests.some(({ status }) => (lockHoldingStates as readonly string[]).includes(status)),
    sentence:
      'does not give back its one lock for writing while a request waits to save, as one does now, so no other certificate is saved and no request is added',
    fix: 'Mend what that request waits for (hsmonger status) and resubmit it, or end it with getcert stop-tracking.',
  },
  {
    key: 'dogtag-pending',
    since: '0.79.21',
    severity: 'warning',
    touches: ({ cas, requests }) =>
      cas.some(
        ({ nickname, externalHelper }) =>
          /\/dogtag-(?:ipa-renew-agent-)?submit(?:\s|$)/u.test(externalHelper ?? '') && requests.some(({ ca }) => ca === nickname),
      ),
    sentence: 'cannot read what a Dogtag CA says of a request that is pending, so requests of its own dogtag-submit end as CA_REJECTED',
    fix: 'Let hsmonger renew these too (issuer.type = "dogtag"), or approve such requests at once.',
  },
];

/** An absent list has the length of the built-in one, which both have. */
function lengthOf(list: string | undefined): number {
  return list === undefined ? builtIn : list.split(',').length;
}

/** 28 d, 7 d, 3 d, 2 d, 1 d, 12 h, 6 h, 2 h, 1 h (prefs.c). */
const builtIn = 9;

export const certmongerKnownBugs: Check = {
  source: 'hsmonger.certmonger',
  name: 'CertmongerKnownBugs',
  about: "None of the known defects of certmonger's version touches this instance.",
  run: ({ certmonger, instance }) =>
    known(certmonger, (facts) => {
      const version = facts.version === undefined ? undefined : versionOf(facts.version);
      if (version === undefined)
        return [
          {
            severity: 'warning',
            key: 'version',
            message: 'Which version of certmonger runs is unknown, so whether its known defects touch this instance is, too.',
            fix: "Ask the package manager (dpkg -l certmonger, rpm -q certmonger) and compare with certmonger's release notes.",
          },
        ];
      const has = ({ since, before }: Bug) =>
        [since, before].every((bound, at) => {
          const limit = bound === undefined ? undefined : versionOf(bound);
          return limit === undefined || (at === 0 ? compareVersions(version, limit) >= 0 : compareVersions(version, limit) < 0);
        });
      const found = bugs.filter((bug) => has(bug) && bug.touches(facts, instance));
      return orFine(
        found.map(({ key, severity, sentence, fix }): Finding => ({
          severity,
          key,
          message: `certmonger ${version.join('.')} ${sentence}.`,
          fix,
        })),
        `No known defect of certmonger ${version.join('.')} touches this instance.`,
        'version',
      );
    }),
};
