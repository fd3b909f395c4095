import { certificateKey, type CalendarCertificate, type Renewal, type RenewedBy } from './calendar.js';
import { createSpread, type Spread } from './spread.js';
import { windowOf, type Life, type Window } from './window.js';

/** One certificate and those that will follow it, while the calendar is made. */
export interface Course {
  readonly certificate: CalendarCertificate;
  readonly ca: Course | undefined;
  /** Those whose CA this is. */
  readonly below: Course[];
  readonly spread: Spread;
  /** How many certificates its CA has, itself among them. */
  readonly many: number;
  by: RenewedBy;
  life: Life;
  /** When the present life began, whatever notBefore says; milliseconds since the epoch. */
  issued: number;
  window: Window;
  /** Of the present life; milliseconds since the epoch. */
  planned: number;
  /** One for each life so far. */
  readonly renewals: Renewal[];
  /** Nothing is known, or asked, of what comes after. */
  over: boolean;
  /** The first one waits for the CA's. */
  waits: boolean;
  readonly notes: string[];
}

/** One for each certificate, in their order. */
export function coursesOf(certificates: readonly CalendarCertificate[]): Course[] {
  const spreads = new Map<string, { readonly spread: Spread; many: number }>();
  for (const { group } of certificates) {
    const known = spreads.get(group) ?? { spread: createSpread(), many: 0 };
    known.many += 1;
    spreads.set(group, known);
  }
  const byKey = new Map(certificates.map((certificate) => [certificateKey(certificate), certificate]));
  const made = new Map<CalendarCertificate, Course>();
  const make = (certificate: CalendarCertificate, below: readonly CalendarCertificate[]): Course => {
    const known = made.get(certificate);
    if (known !== undefined) return known;
    const parent = certificate.ca === undefined ? undefined : byKey.get(certificate.ca);
    // Two CAs that sign each other have no order.
    const ca = parent === undefined || parent === certificate || below.includes(parent) ? undefined : make(parent, [...below, certificate]);
    const { spread, many } = spreads.get(certificate.group) ?? { spread: createSpread(), many: 1 };
    const life = { notBefore: certificate.notBefore.getTime(), notAfter: certificate.notAfter.getTime() };
    const window = windowOf(life, { ...certificate, follows: ca !== undefined });
    const course: Course = {
      certificate,
      ca,
      below: [],
      spread,
      many,
      by: certificate.by,
      life,
      issued: life.notBefore,
      window,
      planned: window.to,
      renewals: [],
      over: false,
      waits: false,
      notes: [],
    };
    ca?.below.push(course);
    made.set(certificate, course);
    return course;
  };
  return certificates.map((certificate) => make(certificate, []));
}
