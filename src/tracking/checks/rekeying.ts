import { isNothing } from '../certmonger-conf.js';
import type { Evidence, Refusal } from '../preflight.js';

/** Either limit makes certmonger generate a new key at a renewal (iterate.c:1416): design rule 1. */
export function rekeying({ daemon: { conf, confFile } }: Evidence): Refusal[] {
  const limits = [
    ['max_key_lifetime', conf.maxKeyLifetime],
    ['max_key_use_count', conf.maxKeyUseCount],
  ] as const;
  return limits.flatMap(([name, value]): Refusal[] =>
    value === undefined || isNothing(value)
      ? []
      : [
          {
            check: 'rekeying',
            problem: `${confFile} sets ${name} = ${value}, with which certmonger generates new keys at renewals.`,
            fix: `Remove ${name} from [defaults] there and restart certmonger.`,
          },
        ],
  );
}
