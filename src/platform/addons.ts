import { createRequire } from 'node:module';
import path from 'node:path';
import { installation } from './installation.js';

/**
 * Loads better-sqlite3's native part and gives its path. Called before the drop to the service user too: a clone below a closed
 * home directory cannot be read afterwards, but what is loaded stays loaded.
 */
export function sqliteAddon(): string {
  const file = path.join(installation().addons, 'better_sqlite3.node');
  loadAddon(file);
  return file;
}

const requireFile = createRequire('/addons.cjs');

function loadAddon(file: string): void {
  requireFile(file);
}
