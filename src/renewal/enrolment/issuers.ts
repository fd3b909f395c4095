import { createHash } from 'node:crypto';
import { pinsFile, stateDirectory } from '../../config/directories.js';
import type { CertificateConfig, Instance, InstanceSite, TokenIssuerConfig } from '../../config/instance.js';
import { ledgerOwner } from '../../config/ledger-owner.js';
import { tokenOf } from '../../config/token-of.js';
import { HsmongerError } from '../../errors.js';
import { caNickname } from '../../freeipa/nickname.js';
import type { SharedStore } from '../../issuer/directory/shared-store.js';
import type { Agent } from '../../issuer/dogtag/agent.js';
import type { Issuer } from '../../issuer/issuer.js';
import type { Database } from '../../ledger/database.js';
import { noteInPlace } from '../../ledger/journal.js';
import type { Clock } from '../../platform/clock.js';
import { isMissed } from '../missed.js';

export interface IssuerParts extends InstanceSite {
  /** Stays the caller's to close. */
  readonly ledger: Database;
  readonly clock: Clock;
  readonly uid: number;
  /** Read before the drop; throws what kept it from being read. */
  readonly agent?: () => Agent | undefined;
  readonly store?: () => SharedStore;
}

/** Of the helper's time, for a CA that is starting: the rest is for asking it. */
const patienceShare = 0.25;
const maxPatienceMs = 20_000;

/**
 * What makes the issuer an instance file names. Its code, a PKCS#11 addon for one, is in memory when this is done: before the drop, and no
 * more of it than this instance needs.
 */
export async function loadIssuer(instance: Instance): Promise<(parts: IssuerParts) => Issuer> {
  const { file, issuer } = instance;
  switch (issuer.type) {
    case 'token': {
      const owner = ledgerOwner(instance);
      if (owner.kind === 'another host') return loadClone(issuer, owner.host);
      const [{ createTokenIssuer }, { openToken }, { openPinGuard }, { readImported }, { heldElsewhere }] = await Promise.all([
        import('../../issuer/token/token-issuer.js'),
        import('../../pkcs11/open-token.js'),
        import('../../ledger/pins.js'),
        import('../../issuer/external/imported.js'),
        import('./held-elsewhere.js'),
      ]);
      return ({ instance, directories, ledger, clock, uid, store }) => {
        const pins = openPinGuard(pinsFile(directories, instance));
        const above = async (spki: Uint8Array) =>
          readImported(stateDirectory(directories, instance), spki)?.chain ?? (await store?.().authorities()) ?? [];
        const elsewhere = (certificate: CertificateConfig) => heldElsewhere(instance, certificate, openToken, pins);
        const token = createTokenIssuer({
          instance,
          issuer,
          openToken: () => openToken(tokenOf(instance), { pins }),
          above,
          elsewhere,
          ledger,
          clock,
          uid,
        });
        return {
          ...token,
          close: () =>
            token.close().finally(() => {
              pins.close();
            }),
        };
      };
    }
    case 'dogtag': {
      const { createDogtagIssuer } = await import('../../issuer/dogtag/dogtag-issuer.js');
      return ({ instance, ledger, clock, uid, agent }) => {
        const read = agent?.();
        return createDogtagIssuer({
          issuer,
          ledger,
          clock,
          uid,
          patienceMs: Math.min(maxPatienceMs, instance.helper.deadlineSeconds * 1000 * patienceShare),
          ...(read === undefined ? {} : { agent: read }),
        });
      };
    }
    case 'directory': {
      const { createDirectoryIssuer } = await import('../../issuer/directory/directory-issuer.js');
      return ({ store, clock }) => {
        if (store === undefined)
          throw new HsmongerError(
            'CONFIG_INVALID',
            `In ${file}: 'issuer.type' is "directory", and there is no [directory] to take certificates from.`,
          );
        return createDirectoryIssuer({ store: store(), nickname: caNickname, clock });
      };
    }
    case 'external': {
      const { createExternalIssuer } = await import('../../issuer/external/external-issuer.js');
      return ({ instance, directories, store, clock }) =>
        createExternalIssuer({
          stateDirectory: stateDirectory(directories, instance),
          clock,
          authorities: async () => (await store?.().authorities()) ?? [],
        });
    }
  }
}

/** The CA's key is at hand and another host issues with it. */
async function loadClone({ certificate }: TokenIssuerConfig, owner: string): Promise<(parts: IssuerParts) => Issuer> {
  const [{ createCloneIssuer }, { openToken }, { openPinGuard }, { readImported }] = await Promise.all([
    import('../../issuer/token/clone-issuer.js'),
    import('../../pkcs11/open-token.js'),
    import('../../ledger/pins.js'),
    import('../../issuer/external/imported.js'),
  ]);
  return ({ instance, directories, ledger, clock, store }) => {
    const pins = openPinGuard(pinsFile(directories, instance));
    const brought = (spki: Uint8Array) => readImported(stateDirectory(directories, instance), spki);
    const issuer = createCloneIssuer({
      certificate,
      owner,
      openToken: () => openToken(tokenOf(instance), { pins }),
      above: async (spki) => brought(spki)?.chain ?? (await store?.().authorities()) ?? [],
      imported: (spki) => {
        const found = brought(spki);
        return found === undefined ? [] : [found.certificate, ...found.chain];
      },
      missed: (nickname, { der }) => isMissed(ledger, nickname, fingerprint(der), clock()),
      inPlace: (nickname, { der }) => {
        noteInPlace(ledger, nickname, fingerprint(der), clock());
      },
      clock,
    });
    return {
      ...issuer,
      close: () =>
        issuer.close().finally(() => {
          pins.close();
        }),
    };
  };
}

function fingerprint(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex');
}
