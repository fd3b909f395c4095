import { pinsFile, stateDirectory } from '../../config/directories.js';
import type { Directories, DogtagIssuerConfig, Instance } from '../../config/instance.js';
import { HsmongerError } from '../../errors.js';
import { caNickname } from '../../freeipa/nickname.js';
import { createDirectoryIssuer } from '../../issuer/directory/directory-issuer.js';
import type { SharedStore } from '../../issuer/directory/shared-store.js';
import type { Agent } from '../../issuer/dogtag/agent.js';
import { createExternalIssuer } from '../../issuer/external/external-issuer.js';
import type { Issuer } from '../../issuer/issuer.js';
import { createTokenIssuer } from '../../issuer/token/token-issuer.js';
import type { Database } from '../../ledger/database.js';
import { openPinGuard } from '../../ledger/pins.js';
import { openToken } from '../../pkcs11/open-token.js';
import type { Clock } from '../../platform/clock.js';

export interface IssuerParts {
  readonly instance: Instance;
  readonly directories: Directories;
  /** Stays the caller's to close. */
  readonly ledger: Database;
  readonly clock: Clock;
  readonly uid: number;
  /** Read before the drop; throws what kept it from being read. */
  readonly agent?: () => Agent | undefined;
  readonly store?: () => SharedStore;
}

/** The issuer an instance file names. */
export async function createIssuer(parts: IssuerParts): Promise<Issuer> {
  const { instance, directories, ledger, clock, uid, store } = parts;
  const { issuer } = instance;
  switch (issuer.type) {
    case 'token': {
      const pins = openPinGuard(pinsFile(directories, instance));
      const token = createTokenIssuer({ instance, issuer, openToken: () => openToken(instance.token, { pins }), ledger, clock, uid });
      return { ...token, close: () => token.close().finally(() => { pins.close(); }) };
    }
    case 'dogtag':
      return dogtagIssuer(parts, issuer);
    case 'directory': {
      if (store === undefined) throw new HsmongerError('CONFIG_INVALID', `In ${instance.file}: 'issuer.type' is "directory", and there is no [directory] to take certificates from.`);
      return createDirectoryIssuer({ store: store(), nickname: caNickname, clock });
    }
    case 'external':
      return createExternalIssuer({ stateDirectory: stateDirectory(directories, instance), clock, authorities: async () => (await store?.().authorities()) ?? [] });
  }
}

async function dogtagIssuer({ ledger, clock, uid, agent }: IssuerParts, issuer: DogtagIssuerConfig): Promise<Issuer> {
  const { createDogtagIssuer } = await import('../../issuer/dogtag/dogtag-issuer.js');
  const read = agent?.();
  return createDogtagIssuer({ issuer, ledger, clock, uid, ...(read === undefined ? {} : { agent: read }) });
}
