import { readFileSync } from 'node:fs';
import path from 'node:path';
import { installation } from '../platform/installation.js';

/** The version the build wrote beside the executables. */
export function version(): string {
  const { version: text } = JSON.parse(readFileSync(path.join(installation().executables, 'package.json'), 'utf8')) as { version: string };
  return text;
}
