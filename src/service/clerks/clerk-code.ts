import { readFileSync } from 'node:fs';
import path from 'node:path';
import { installation } from '../../platform/installation.js';

let loaded: string | undefined;

/** What a clerk's thread runs. Asked for before the drop too, like every code of ours: a thread begins after it, when a clone below a closed home directory cannot be read. */
export function clerkCode(): string {
  const file = path.join(installation().addons, 'clerk.js');
  loaded ??= `const begin = ${readFileSync(file, 'latin1')}\nbegin(exports, require, module, ${JSON.stringify(file)}, ${JSON.stringify(path.dirname(file))});`;
  return loaded;
}
