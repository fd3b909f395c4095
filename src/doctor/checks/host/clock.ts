import type { DoctorFacts } from '../../facts.js';
import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';
import { read } from '../chain/read.js';

/** Kerberos' own limit, and more than any network's clocks differ by. */
const toleratedMs = 5 * 60_000;

export const clock: Check = {
  source: 'hsmonger.host',
  name: 'Clock',
  about: 'The clock is neither behind what was seen before nor apart from that of the servers.',
  run: (facts) =>
    orFine(
      [...behindLedger(facts), ...behindCertificates(facts), ...apartFromAuthority(facts)],
      'The clock agrees with everything it can be compared with.',
      'clock',
    ),
};

const fix = 'Set the clock (chronyc makestep, or timedatectl), and keep it with a time service.';

function behindLedger({ state, now }: DoctorFacts): readonly Finding[] {
  return known(state, ({ newest }) =>
    newest === undefined || newest.getTime() - now.getTime() <= toleratedMs
      ? []
      : [
          {
            severity: 'error',
            key: 'ledger',
            message: `The clock says ${now.toISOString()}, and the ledger was last written at ${newest.toISOString()}: it went backwards.`,
            fix,
          },
        ],
  );
}

function behindCertificates({ chain, now }: DoctorFacts): readonly Finding[] {
  return known(chain, (facts) =>
    read(facts)
      .filter(({ certificate }) => certificate.notBefore.getTime() - now.getTime() > toleratedMs)
      .map(({ nickname, certificate }): Finding => ({
        severity: 'error',
        key: nickname,
        message: `The certificate '${nickname}' is not valid before ${certificate.notBefore.toISOString()}, and the clock says ${now.toISOString()}.`,
        fix,
      })),
  );
}

function apartFromAuthority({ servers: { authority }, now }: DoctorFacts): readonly Finding[] {
  if (authority === undefined) return [];
  return known(authority.answer, ({ date }) => {
    const apart = date === undefined ? 0 : Math.abs(date.getTime() - now.getTime());
    return apart <= toleratedMs
      ? []
      : [
          {
            severity: 'error',
            key: authority.url,
            message: `The clock says ${now.toISOString()}, and that of the CA at ${authority.url} ${date?.toISOString() ?? ''}.`,
            fix,
          },
        ];
  });
}
