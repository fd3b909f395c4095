import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { NewRequest, RequestSettings } from '../../dbus/request-settings.js';
import { createAuthority, type Authority } from '../rig/authority.js';
import { startBus, type PrivateBus } from '../rig/bus.js';
import { startCertmonger, type Certmonger } from '../rig/certmonger.js';
import { privateDirectory } from '../rig/directory.js';
import { createNssDatabase, dogtagTrust, type NssDatabase } from '../rig/nss-database.js';
import { ensureServiceUser } from '../rig/service-user.js';
import { createSoftToken, type SoftToken } from '../rig/soft-token.js';

/** Token, database, bus and daemon, nothing tracked yet; certificates far from their end so that nothing renews by itself. */
export interface Laboratory {
  readonly directory: string;
  readonly token: SoftToken;
  readonly authority: Authority;
  readonly nss: NssDatabase;
  readonly bus: PrivateBus;
  readonly daemon: Certmonger;
  /** A helper that rejects every SUBMIT. */
  readonly helper: string;
  /** A full request for a nickname of the authority. */
  requestFor(nickname: string, id: string, ca: string): RequestSettings<NewRequest>;
  close(): Promise<void>;
}

export async function openLaboratory(): Promise<Laboratory> {
  const owner = ensureServiceUser();
  const directory = privateDirectory();
  const token = await createSoftToken({ directory: directory.path, owner });
  const authority = await createAuthority(token, { each: { daysLeft: 300 } });
  const nss = await createNssDatabase({ directory: directory.path, token, trust: dogtagTrust });
  const helper = path.join(directory.path, 'refusing-helper');
  writeFileSync(
    helper,
    '#!/bin/sh\ncase "$CERTMONGER_OPERATION" in\nSUBMIT|POLL) echo "not today"; exit 2;;\nIDENTIFY) echo "The refusing CA";;\n*) exit 6;;\nesac\n',
  );
  chmodSync(helper, 0o755);
  const bus = await startBus(directory.path);
  const daemon = await startCertmonger({ directory: directory.path, bus, token });
  return {
    directory: directory.path,
    token,
    authority,
    nss,
    bus,
    daemon,
    helper,
    requestFor: (nickname, id, ca) => {
      const storage = { type: 'NSSDB', location: nss.database, nickname, token: token.label } as const;
      return {
        nickname: id,
        ca,
        keyStorage: storage,
        certificateStorage: storage,
        keyType: 'RSA',
        keySize: 2048,
        keyPinFile: token.pinFile,
        nssUser: owner.name,
        profile: 'caOCSPCert',
        preSaveCommand: '/bin/true pre',
        postSaveCommand: '/bin/true post',
      };
    },
    close: async () => {
      await daemon.kill('SIGKILL');
      await bus.stop();
      directory.remove();
    },
  };
}
