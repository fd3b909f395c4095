import type { TrackingRequest } from '../../../dbus/tracking-request.js';
import { keyFingerprint } from '../../x509/public-key.js';
import { heldCertificate } from '../instances/held-certificate.js';

/** What is known of one certificate's key. */
export interface ObservedKey {
  readonly nickname: string;
  /** SubjectPublicKeyInfo of the certificate where it lies; undefined where there is none. */
  readonly stored: Uint8Array | undefined;
  readonly request: Pick<TrackingRequest, 'nickname' | 'certificate'> | undefined;
}

/** Notices that a key is another than it was, as long as this agent runs. */
export interface KeyChanges {
  /** A sentence by nickname. */
  look(sights: readonly ObservedKey[]): ReadonlyMap<string, string>;
}

/** hsmonger never makes a key: whoever made one has to say that it is meant, by starting the agent anew. */
export function createKeyChanges(): KeyChanges {
  const first = new Map<string, string>();
  return {
    look: (sights) =>
      new Map(
        sights.flatMap(({ nickname, stored, request }): [string, string][] => {
          const now = stored === undefined ? undefined : keyFingerprint(stored);
          if (now === undefined) return [];
          const before = first.get(nickname);
          if (before === undefined) first.set(nickname, now);
          const held = request === undefined ? undefined : heldCertificate(request)?.fingerprint;
          if (before !== undefined && before !== now)
            return [
              [
                nickname,
                `The key of '${nickname}' is another than when the agent began to look after it; nothing of its request is changed until somebody has made sure that this is meant and reloads the agent.`,
              ],
            ];
          if (held !== undefined && held !== now)
            return [
              [
                nickname,
                `certmonger holds a certificate of another key for '${nickname}' than lies where it is stored; nothing of its request is changed until somebody has looked which of the two is right.`,
              ],
            ];
          return [];
        }),
      ),
  };
}
