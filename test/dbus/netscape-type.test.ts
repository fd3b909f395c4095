import { expect, test } from 'vitest';
import { noNetscapeType, writesBehind } from '../../dbus/netscape-type.js';

test.each(['server', 'email', 'client', 'client,server', 'SSLCA,emailca', 'nothing,server', 'serv'])(
  'certmonger finds a bit in "%s", and writes',
  (type) => {
    expect(writesBehind(type)).toBe(true);
  },
);

test.each([undefined, '', noNetscapeType, 'servers', 'nothing'])('it finds none in %j', (type) => {
  expect(writesBehind(type)).toBe(false);
});
