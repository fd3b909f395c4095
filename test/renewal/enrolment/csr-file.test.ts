import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { openCsrFile } from '../../../src/renewal/enrolment/csr-file.js';
import { privateDirectory } from '../../rig/directory.js';

test('a shorter request leaves nothing of the longer one before it, and a longer one is whole', () => {
  const place = privateDirectory('csr-file');
  try {
    const name = path.join(place.path, 'ca.csr');
    writeFileSync(name, 'a longer request');
    const file = openCsrFile(name);
    for (const pem of ['short', 'the longest request of them all']) {
      file.write(pem);
      expect(readFileSync(name, 'utf8')).toBe(pem);
    }
    file.close();
  } finally {
    place.remove();
  }
});
