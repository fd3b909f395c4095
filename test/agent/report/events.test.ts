import { once } from 'node:events';
import { expect, test } from 'vitest';
import { createEvents, type AgentEvent } from '../../../src/agent/report/events.js';

test('a listener that throws keeps nothing from the others, and ends nothing', async () => {
  const events = createEvents();
  const heard: AgentEvent[] = [];
  events.on(() => {
    throw new Error('a listener of its own kind');
  });
  events.on((event) => heard.push(event));
  const warned = once(process, 'warning');
  const event: AgentEvent = { kind: 'healed', at: new Date(0), instance: 'x', message: 'It is over.' };
  events.tell(event);
  expect(((await warned) as [Error])[0].message).toBe('a listener of its own kind');
  expect(heard).toEqual([event]);
  expect(events.recent()).toEqual([event]);
});

test('the last 200 are kept', () => {
  const events = createEvents();
  for (let count = 0; count < 250; count += 1) events.tell({ kind: 'trouble', at: new Date(count), instance: 'x', message: String(count) });
  expect([events.recent().length, events.recent()[0]?.message, events.recent().at(-1)?.message]).toEqual([200, '50', '249']);
});
