/**
 * Tells the journal of the events on its standard input; started by notify.test.ts in a mount namespace with a journal's socket of its own.
 */
import { createEvents, type AgentEvent } from '../../../src/agent/report/events.js';
import { startNotifier } from '../../../src/agent/show/notify/notifier.js';

let text = '';
process.stdin
  .setEncoding('utf8')
  .on('data', (chunk: string) => {
    text += chunk;
  })
  .on('end', () => {
    const stop = new AbortController();
    const events = createEvents();
    const part = startNotifier({
      conf: { user: 'nobody', notify: { journal: true, expiringDays: 14 } },
      events,
      log: (priority, message) => console.log(`${priority} ${message}`),
      signal: stop.signal,
    });
    for (const event of JSON.parse(text) as AgentEvent[]) events.tell(event);
    process.on('SIGTERM', () => stop.abort());
    void part.ended;
  });
