import { randomUUID } from 'node:crypto';
import type { Result } from '../../../doctor/run.js';
import { json } from '../../output.js';

/**
 * ipa-healthcheck's schema (core/plugin.py, json_to_results): what it reads with --input-file. `msg` is a template that it fills from the
 * other words of `kw` (Python's str.format), so whatever comes from outside stands in those, where braces mean nothing.
 */
export function healthcheckJson(results: readonly Result[]): string {
  return json(results.map(healthcheckResult));
}

function healthcheckResult({ source, check, severity, when, duration, key, instance, message, fix }: Result) {
  return {
    source,
    check,
    result: severity.toUpperCase(),
    uuid: randomUUID(),
    when: when.toISOString().replace(/[-:T]|\.\d+/gu, ''),
    duration: duration.toFixed(6),
    kw: { key, instance, finding: message, ...(fix === undefined ? { msg: '{finding}' } : { fix, msg: '{finding} {fix}' }) },
  };
}
