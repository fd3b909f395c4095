import { readFileSync, readlinkSync } from 'node:fs';
import { connectCertmonger, type Certmonger } from '../../../../dbus/certmonger.js';
import type { CertmongerFacts } from '../../../doctor/facts/certmonger.js';
import { HsmongerError } from '../../../errors.js';
import { defaultsOf } from '../../../tracking/certmonger-conf.js';
import { confFileOf, readDaemonProcess } from '../../../tracking/daemon-process.js';
import { versionOfDaemon } from '../../../tracking/daemon-version.js';
import { asked, type Gathering, type SeenStores } from './gathering.js';
import { lookAtTracking } from './tracking.js';

/** certmonger as it runs; it is not started for that. */
export async function gatherCertmonger(given: Gathering, stores: SeenStores): Promise<CertmongerFacts> {
  const certmonger = await connectCertmonger(given.bus, { env: given.env });
  try {
    return await lookAt(certmonger, given, stores);
  } finally {
    certmonger.disconnect();
  }
}

async function lookAt(certmonger: Certmonger, { place }: Gathering, stores: SeenStores): Promise<CertmongerFacts> {
  if (!(await certmonger.running())) throw new HsmongerError('CERTMONGER_UNAVAILABLE', 'it does not run.');
  const requests = await certmonger.listRequests();
  const cas = await certmonger.listCas();
  const pid = await certmonger.processId();
  const daemon = readDaemonProcess(pid);
  const confFile = confFileOf(daemon);
  const program = `/proc/${String(pid)}/exe`;
  return {
    version: await versionOfDaemon(pid, daemon),
    replaced: readlinkSync(program).endsWith(' (deleted)'),
    confFile,
    settings: defaultsOf(textOf(confFile)),
    requests,
    cas,
    tracking: await asked(() => lookAtTracking(certmonger, place, stores)),
  };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    // certmonger runs without one.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
