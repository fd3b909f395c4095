import { connectCertmonger } from '../../../../dbus/certmonger.js';
import type { TokenSight } from '../../../doctor/facts/token.js';
import type { Fact } from '../../../doctor/facts.js';
import { installation } from '../../../platform/installation.js';
import { accountOf } from '../../../platform/service-user.js';
import { askService } from '../../../service/ask.js';
import { readDaemonProcess } from '../../../tracking/daemon-process.js';
import { daemonViews } from '../../../tracking/gather.js';
import { secretFileFacts } from './file-facts.js';
import { asked, type Gathering } from './gathering.js';

/** Module, token and PIN as the service user finds them, and what certmonger's children see of them. */
export function gatherToken(given: Gathering): Promise<Fact<TokenSight | 'none'>> {
  return asked(async () => {
    const { instance } = given.place;
    if (instance.token === undefined) return 'none';
    const { pin } = instance.token;
    const pinFile = pin.from === 'file' || pin.from === 'unlocked' ? secretFileFacts(pin.path) : undefined;
    const { uid, gid } = accountOf(instance.user);
    const look = await askService(given.place, 'look at token', { login: given.login });
    return { ...look, reader: { uid, gid }, ...(pinFile === undefined ? {} : { pinFile }), daemon: await asked(() => views(given)) };
  });
}

/** Asks the bus for certmonger's process; that does not start it. */
async function views({ place, bus, env }: Gathering): ReturnType<typeof daemonViews> {
  const certmonger = await connectCertmonger(bus, { env });
  try {
    return await daemonViews(readDaemonProcess(await certmonger.processId()), place.instance, installation());
  } finally {
    certmonger.disconnect();
  }
}
