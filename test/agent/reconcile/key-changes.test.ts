import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { createKeyChanges } from '../../../src/agent/reconcile/key-changes.js';

const key = () => Uint8Array.from(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' }));

test('the first key that is seen is the one, another is told of until it is gone', () => {
  const [one, other] = [key(), key()];
  const changes = createKeyChanges();
  const look = (stored: Uint8Array | undefined) => changes.look([{ nickname: 'a', stored, request: undefined }]).get('a');
  expect(look(undefined)).toBeUndefined();
  expect(look(one)).toBeUndefined();
  expect(look(undefined)).toBeUndefined();
  expect(look(other)).toMatch(/^The key of 'a' is another than when the agent began/u);
  expect(look(other)).toBeDefined();
  expect(look(one)).toBeUndefined();
});
