import { readFileSync } from 'node:fs';
import path from 'node:path';
import { installation } from '../../platform/installation.js';

let code: string | undefined;

/**
 * What a clerk's thread runs. Asked for before the drop too, like every code of ours: a thread begins after it, when a clone below a closed
 * home directory cannot be read.
 */
export function clerkCode(): string {
  code ??= readFileSync(path.join(installation().addons, 'clerk.cjs'), 'utf8');
  return code;
}
