/** A Dogtag with a directory and nothing of FreeIPA's: its CA goes by its key, not by a name. */
import { beforeAll, expect, it } from 'vitest';
import { makeMaterial, play, type Material } from './world.js';

let material: Material;
beforeAll(async () => {
  material = await makeMaterial();
});

it("the CA's own certificate is asked for like any other, not as a lightweight CA's", async () => {
  const { asked, handedOut } = await play(material, { plain: true, who: 'ca' });
  expect([asked, handedOut]).toEqual([[expect.not.objectContaining({ authority: expect.anything() as string })], 'new']);
  expect(asked).toMatchObject([{ profile: 'caCACert' }]);
});

it('a CA signed outside does not sign itself', async () => {
  const seen = await play(material, { plain: true, who: 'ca', external: true, answer: new Error('it never signs itself') });
  expect(seen).toMatchObject({ asked: [], handedOut: undefined, csrFile: expect.stringContaining('CERTIFICATE REQUEST') as string });
});

it('a lightweight CA is named to Dogtag', async () => {
  expect(await play(material, { plain: true, who: 'subCa' })).toMatchObject({ asked: [{ authority: 'the id' }], handedOut: 'new' });
});
