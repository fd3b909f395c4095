import type { InstanceContext } from '../instances/instance-context.js';

/** As programs know it. */
const requestDiffers = 'request-differs';

/** Tells what is not right once, when it begins and when it is over, however often it is found. */
export interface DifferenceEvents {
  tell(sentences: readonly string[]): void;
}

export function createDifferenceEvents({
  instance,
  events,
  log,
  clock,
}: { readonly instance: string } & Pick<InstanceContext, 'events' | 'log' | 'clock'>): DifferenceEvents {
  let told: readonly string[] = [];
  return {
    tell(sentences) {
      for (const message of sentences) {
        if (told.includes(message)) continue;
        log('warning', message);
        events.tell({ kind: 'trouble', at: clock(), instance, message, details: { cause: requestDiffers } });
      }
      const over = told.filter((message) => !sentences.includes(message));
      for (const message of over)
        events.tell({
          kind: 'healed',
          at: clock(),
          instance,
          message: `This is over: ${message}`,
          details: { cause: requestDiffers, cure: 'reconcile' },
        });
      told = [...sentences];
    },
  };
}
