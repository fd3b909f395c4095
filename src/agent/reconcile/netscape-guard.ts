import { sentenceOf } from '../../errors.js';
import { asksNetscapeType } from '../../tracking/netscape-type.js';
import { isOurCa } from '../../tracking/plan.js';
import type { Care, Part } from '../care.js';
import { createTroubleLog } from '../log.js';
import { ownCertificate } from '../own-request.js';
import type { Sighting } from '../picture/picture.js';

/**
 * Has certmonger ask for no Netscape type in any request that goes to the instance's CA, getcert's own too, as soon as one is seen that
 * would: before its first renewal, and, where its children are ended by malloc already, before the next of them. It needs no token and
 * begins nothing anew, so it waits for neither PIN nor rest.
 */
export function startNetscapeGuard({ instance, certmonger, picture, events, log, clock, signal }: Care): Part {
  if (instance.agent.reconcile === 'report') return { ended: Promise.resolve() };
  const told = createTroubleLog(log);
  const under = new Map<string, Promise<void>>();

  const spare = async ({ request }: Sighting) => {
    const { nickname: id, template } = request;
    try {
      await certmonger.use((connected) => connected.request(id).omitNetscapeType());
      await picture.refresh(id);
      const message = `The request '${id}' does not ask for the Netscape certificate type '${template.netscapeType ?? ''}' any more: certmonger spoils its heap while it asks.`;
      const nickname = ownCertificate(instance, request)?.nickname;
      log('info', message);
      events.tell({
        kind: 'reconciled',
        at: clock(),
        instance: instance.name,
        ...(nickname === undefined ? {} : { nickname }),
        message,
        details: { change: 'modify', request: id },
      });
      told.over('what certmonger asks for can be set again.');
    } catch (error) {
      told.trouble(`The request '${id}' asks for a Netscape certificate type, and that could not be changed: ${sentenceOf(error)}`);
    }
  };

  const consider = (sighting: Sighting) => {
    const { request } = sighting;
    if (signal.aborted || under.has(request.nickname) || !isOurCa(instance, request.ca) || !asksNetscapeType(request)) return;
    under.set(
      request.nickname,
      spare(sighting).finally(() => under.delete(request.nickname)),
    );
  };

  const end = picture.onChange((change) => {
    if (change.kind === 'request' && change.now !== undefined) consider(change.now);
    if (change.kind === 'certmonger' && change.running) for (const sighting of picture.requests() ?? []) consider(sighting);
  });
  for (const sighting of picture.requests() ?? []) consider(sighting);
  const ended = new Promise<void>((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        resolve();
      },
      { once: true },
    );
  });
  return {
    ended: ended.then(async () => {
      end();
      await Promise.all(under.values());
    }),
  };
}
