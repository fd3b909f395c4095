import { expect, it } from 'vitest';
import { makeMaterial, play } from './world.js';

it('what is issued after the helper has begun, and is valid from then on, is published all the same', async () => {
  const material = await makeMaterial();
  const start = material.new.ocsp.notBefore.getTime() - 500;
  let looks = 0;
  const seen = await play(material, { parts: { clock: () => new Date(start + 1000 * looks++) } });
  expect(looks).toBeGreaterThan(1);
  expect(seen).toMatchObject({ exitCode: 0, handedOut: 'new', published: [material.new.ocsp] });
});
