import { expect, test } from 'vitest';
import { planReload } from '../../../src/agent/instances/read-instances.js';
import { HsmongerError } from '../../../src/errors.js';
import { instanceOf } from './two-certificates.js';

test('a reload restarts what changed, starts what is new, stops what is gone, and leaves alone what is broken', () => {
  const supervised = new Map(
    [instanceOf('same'), instanceOf('changed'), instanceOf('gone'), instanceOf('broken')].map((one) => [one.name, one]),
  );
  const good = new Map([instanceOf('same'), instanceOf('changed', 'audit'), instanceOf('new')].map((one) => [one.name, one]));
  const broken = new Map(['broken', 'broken2'].map((name) => [name, new HsmongerError('CONFIG_INVALID', 'It is broken.')]));
  const plan = planReload(supervised, { good, broken }, { config: '/etc/hsmonger', state: '/s' });
  expect([...plan.stop].sort()).toEqual(['changed', 'gone']);
  expect(plan.start.map(({ name }) => name)).toEqual(['changed', 'new']);
  expect(plan.complaints).toEqual([
    'It is broken. Until it is mended and the agent reloaded, /etc/hsmonger/broken.toml counts as it was.',
    "It is broken. Until it is mended and the agent reloaded, nobody looks after 'broken2'.",
  ]);
});
