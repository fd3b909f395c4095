import { statSync } from 'node:fs';
import type { Instance } from '../../config/instance.js';
import { pinPathOf } from '../../config/token-of.js';
import { firmLook } from '../../platform/firm-look.js';
import type { IssuerAnswer } from './ask-issuer.js';

/** What the issuer refused, and when it was asked last (of performance.now()). */
export interface Refused {
  readonly nickname: string;
  readonly triedMs: number;
  /** PEM, as certmonger has it. */
  readonly pem?: string;
}

/** Notices that what stood in the way of refused renewals is gone, without asking for one. */
export interface RefusalWatch {
  /** Looks, as often as is due, at what may show it; gives milliseconds until the next look. Never rejects. */
  consider(refused: readonly Refused[], caDown: boolean): number;
  /** Whether it is seen to be gone since then. */
  mended(refused: Pick<Refused, 'nickname' | 'triedMs'>): boolean;
  forget(nickname: string): void;
}

export interface RefusalWatchMeans {
  readonly instance: Instance;
  /** Asks the issuer whether it would issue now; nothing is signed. */
  readonly ask: (refused: readonly Refused[]) => Promise<ReadonlyMap<string, IssuerAnswer>>;
  readonly onAnswer: () => void;
  readonly now: () => number;
  /** What is configured, in a word that changes with it. Default: by the files' own marks. */
  readonly configured?: () => string;
}

/** Looking at files costs nothing; asking starts a process that opens the token. */
const pace = { filesMs: 5000, askMs: 40_000 };
const downMark = 'down';

interface Standing {
  readonly triedMs: number;
  /** What was configured when it was refused; another word while the CA was away since. */
  configured: string;
}

export function createRefusalWatch({
  instance,
  ask,
  onAnswer,
  now,
  configured = () => marksOf(instance),
}: RefusalWatchMeans): RefusalWatch {
  const standings = new Map<string, Standing>();
  const refusals = new Set<string>();
  /** When it was asked that a no became a yes. */
  const turned = new Map<string, number>();
  let asking = false;
  let askedMs = -Infinity;
  let askedOf = '';
  let current = '';
  let down = false;
  const askMs = Math.min(pace.askMs, instance.agent.probeSeconds * 1000);

  const inquire = async (refused: readonly Refused[]) => {
    const atMs = now();
    asking = true;
    [askedMs, askedOf] = [atMs, current];
    try {
      for (const [nickname, answer] of await ask(refused)) {
        if (answer === 'no') refusals.add(nickname);
        else if (refusals.delete(nickname)) turned.set(nickname, atMs);
      }
    } finally {
      asking = false;
      onAnswer();
    }
  };

  return {
    consider(refused, caDown) {
      if (refused.length === 0) return Infinity;
      current = configured();
      down = caDown;
      for (const { nickname, triedMs } of refused) {
        const known = standings.get(nickname);
        if (known?.triedMs !== triedMs) standings.set(nickname, { triedMs, configured: current });
        else if (caDown) known.configured = downMark;
      }
      // Soon after a change: it may be the cure.
      const wait = askedOf === current ? askedMs + askMs - now() : 0;
      if (wait <= 0 && !asking) void inquire(refused);
      return Math.min(pace.filesMs, wait > 0 ? wait : askMs);
    },
    mended({ nickname, triedMs }) {
      if ((turned.get(nickname) ?? -Infinity) > triedMs) return true;
      const known = standings.get(nickname);
      if (down) return false;
      // Where the issuer says no it is not asked for more, whatever changed.
      return known?.triedMs === triedMs && known.configured !== current && !refusals.has(nickname) && askedOf === current && !asking;
    },
    forget(nickname) {
      standings.delete(nickname);
      refusals.delete(nickname);
      turned.delete(nickname);
    },
  };
}

/** Device, inode, owner, mode and time of change of what the helper reads at each run: one of them may have been why it said no. */
function marksOf({ file, token, issuer, directory, nss }: Instance): string {
  const ofIssuer = issuer.type === 'dogtag' ? [issuer.caFile, issuer.agent?.certificate, issuer.agent?.key] : [];
  const files = [file, token?.module, pinPathOf(token?.pin), ...ofIssuer, directory?.caFile, nss.passwordFile];
  return files.map((one) => (one === undefined ? '' : markOf(one))).join(' ');
}

function markOf(file: string): string {
  try {
    const { dev, ino, uid, mode, ctimeNs } = firmLook(() => statSync(file, { bigint: true }));
    return [dev, ino, uid, mode, ctimeNs].join(',');
  } catch {
    return 'none';
  }
}
