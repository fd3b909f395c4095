/**
 * The process that listens: started by the agent as root, it binds, becomes an unprivileged user for good, and answers with what the agent
 * gives it. It reads nothing else: no file, no bus, no token.
 */
import { writeSync } from 'node:fs';
import type { Server } from 'node:http';
import { asHsmongerError } from '../../errors.js';
import { dropTo } from '../../platform/service-user.js';
import { replyDescriptor } from '../../service/order.js';
import { decode } from '../../service/wire.js';
import type { AgentSnapshot } from '../report/snapshot.js';
import { respondTo, type Shown } from './http-response.js';
import { bind } from './bind.js';
import type { ShowLine, ShowOrder } from './order.js';

/** The agent answers at once, or hangs. */
const patienceMs = 5000;
/** One snapshot serves everybody for so long. */
const freshMs = 1000;

async function main(): Promise<void> {
  try {
    const lines = linesOf(process.stdin);
    const order = decode((await lines.next()).value ?? '') as ShowOrder;
    const bound: (readonly [Server, Shown])[] = [];
    const snapshot = createAsking(lines);
    for (const { at, serves } of order.listeners) bound.push([await bind(at, order.gid), { serves, host: order.host, snapshot }]);
    dropTo(order.user);
    for (const [server, shown] of bound) serve(server, shown);
    tell({ kind: 'listening' });
  } catch (error) {
    tell({ kind: 'end', message: asHsmongerError(error).message });
    process.exit(1);
  }
}

function serve(server: Server, shown: Shown): void {
  server.on('request', (request, response) => {
    // A body is no reason to wait.
    request.resume();
    respondTo(request, shown).then(
      ({ status, headers, body }) => {
        response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
        response.end(request.method === 'HEAD' ? undefined : body);
      },
      () => {
        response.writeHead(500).end();
      },
    );
  });
  server.on('clientError', (_error, socket) => {
    socket.destroy();
  });
}

/** Asks the agent when somebody asks us: one question at a time, however many want to know. */
function createAsking(lines: AsyncIterator<string>): Shown['snapshot'] {
  let last: AgentSnapshot | undefined;
  let lastAt = -Infinity;
  let waiting: ((snapshot: AgentSnapshot) => void)[] = [];
  let asked = false;
  const receive = async () => {
    for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
      last = decode(line.value) as AgentSnapshot;
      lastAt = performance.now();
      asked = false;
      const served = waiting;
      waiting = [];
      for (const answered of served) answered(last);
    }
    // The agent is gone.
    process.exit(0);
  };
  receive().catch(() => process.exit(1));
  return () => {
    if (performance.now() - lastAt < freshMs) return Promise.resolve(last);
    return new Promise((resolve) => {
      const answered = (snapshot: AgentSnapshot) => {
        clearTimeout(limit);
        resolve(snapshot);
      };
      const limit = setTimeout(() => {
        waiting = waiting.filter((one) => one !== answered);
        resolve(undefined);
      }, patienceMs);
      waiting.push(answered);
      if (!asked) tell({ kind: 'ask' });
      asked = true;
    });
  };
}

/** Lines without a limit: they are the agent's. */
async function* linesOf(stream: NodeJS.ReadStream): AsyncGenerator<string, undefined> {
  let parts: string[] = [];
  stream.setEncoding('utf8');
  for await (const chunk of stream) {
    const [first = '', ...more] = String(chunk).split('\n');
    parts.push(first);
    for (const next of more) {
      yield parts.join('');
      parts = [next];
    }
  }
  return undefined;
}

function tell(line: ShowLine): void {
  writeSync(replyDescriptor, `${JSON.stringify(line)}\n`);
}

void main();
