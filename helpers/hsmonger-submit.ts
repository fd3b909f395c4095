/**
 * The CA helper certmonger runs. Only the entry: what needs nothing is answered here, everything else is in the chunk
 * `enrol`, loaded when first needed (design rule 9). The build puts packaging/hsmonger-submit.sh in front.
 */
import { writeSync } from 'node:fs';
import { frontDescriptors, hasFront } from '../src/platform/front.js';
import { readOperation } from '../src/protocol/operation.js';
import { encodeOutcome, type Outcome } from '../src/protocol/outcome.js';
import { defaultProfile, profileNames } from '../src/config/profile-names.js';

async function outcomeOf(): Promise<Outcome> {
  const operation = readOperation(process.env);
  switch (operation.kind) {
    case 'identify':
      return { kind: 'text', lines: ['hsmonger'] };
    case 'supported-templates':
      return { kind: 'text', lines: profileNames };
    case 'default-template':
      return { kind: 'text', lines: [defaultProfile] };
    case 'new-request-requirements':
      return { kind: 'text', lines: ['CERTMONGER_REQ_SUBJECT'] };
    case 'renew-request-requirements':
      // A renewal takes everything from the certificate certmonger holds.
      return { kind: 'text', lines: [] };
    case 'unsupported':
      return { kind: 'unsupported' };
    case 'fetch-roots':
    case 'enrol': {
      const { answer } = await import('#chunk/enrol');
      return answer(operation, process.argv.slice(2), process.env);
    }
  }
}

async function main(): Promise<void> {
  const outcome = await outcomeOf();
  const { exitCode, stdout } = encodeOutcome(outcome);
  if (!hasFront(process.env)) write(1, stdout);
  else if (outcome.kind !== 'given') write(frontDescriptors.answer, `${stdout}:${String(exitCode)}`);
  // Leaving by hand: a module's own threads must not keep certmonger waiting.
  process.exit(exitCode);
}

/** All of it. Not process.stdout: loading streams and sockets is half of what answering IDENTIFY costs. */
function write(descriptor: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(descriptor, bytes, at);
    } catch (error) {
      // A pipe somebody made non-blocking, and full.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

void main();
