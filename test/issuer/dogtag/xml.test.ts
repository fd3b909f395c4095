import { expect, test } from 'vitest';
import { parseXml, textAt } from '../../../src/issuer/dogtag/xml.js';

test.each([
  ['a document', '<?xml version="1.0"?><a b="c"><d/><!-- e --><f>&lt;g&gt;</f></a>', '<g>'],
  ['one cut short', '<a><f>g</f>', undefined],
  ['one that ends in a tag', '<a><f>g</f></a', undefined],
  ['one with a comment that does not end', '<a><f>g</f></a><!-- ', undefined],
  ['one that closes another element', '<a><f>g</a></f>', undefined],
])('%s', (_, text, found) => {
  expect(textAt(parseXml(text), 'a', 'f')).toBe(found);
});

test.each([
  ['tags that do not end', '<'.repeat(2_000_000)],
  ['one tag without end', `<${'a'.repeat(2_000_000)}`],
  ['tags of one long name', `<${'a'.repeat(2_000_000)}<b>`],
  ['comments that do not end', '<!--'.repeat(500_000)],
  ['blanks without end', `<a ${' '.repeat(2_000_000)}`],
])('%s cost their length, not its square', (_, text) => {
  const began = performance.now();
  expect(parseXml(text)).toBeUndefined();
  expect(performance.now() - began).toBeLessThan(3000);
});
