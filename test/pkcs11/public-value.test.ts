import { generateKeyPairSync } from 'node:crypto';
import { expect, it } from 'vitest';
import { spkiOf } from '../../src/pkcs11/objects/public-value.js';

const p256 = Buffer.from('06082a8648ce3d030107', 'hex');

/** A point that begins as a DER OCTET STRING of it would: one key in 256 has it. */
function ambiguous(): { readonly point: Buffer; readonly spki: Buffer } {
  for (;;) {
    const spki = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' });
    const point = spki.subarray(-65);
    if (point[1] === point.length - 2) return { point, spki };
  }
}

it('a bare point is one though it begins like an OCTET STRING, and so is one in an OCTET STRING', () => {
  const { point, spki } = ambiguous();
  for (const shown of [point, Buffer.concat([Buffer.of(4, point.length), point])])
    expect(Buffer.from(spkiOf({ type: 'EC', parameters: p256, point: shown }) ?? [])).toEqual(spki);
});
