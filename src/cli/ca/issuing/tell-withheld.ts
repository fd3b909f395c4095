import type { Io } from '../../io.js';
import { harmless } from '../../output.js';

interface Asking {
  readonly name: string;
  /** Extended key usages its request asks for and its certificate does not get, by name or OID. */
  readonly withheld?: readonly string[];
}

const most = 10;

/** One sentence for all requests: of a request only key and names are taken, and who wrote usages into it may count on them. */
export function tellWithheld(requests: readonly Asking[], io: Io): void {
  const [first, ...more] = requests.filter(({ withheld = [] }) => withheld.length > 0);
  if (first === undefined) return;
  const usages = [...new Set([first, ...more].flatMap(({ withheld = [] }) => withheld))];
  const shown = [...usages.slice(0, most), ...(usages.length > most ? ['…'] : [])].join(', ');
  const who = more.length === 0 ? `${first.name} asks` : `${first.name} and ${String(more.length)} more ask`;
  io.err(
    `hsmonger: ${harmless(who)} for extended key usages the profile does not give (${harmless(shown)}); --eku says which are given.\n`,
  );
}
