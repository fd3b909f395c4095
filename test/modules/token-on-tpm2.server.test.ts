import { describe, expect, it } from 'vitest';
import { makeKeys } from '../rig/modules/raw-keys.js';
import { tpm2 } from '../rig/modules/tpm2.js';
import { useCommands } from './commands.js';
import { tokenSuite } from './token-suite.js';

describe('a token in a TPM', () => {
  tokenSuite({
    make: tpm2,
    makes: ['P-256', 'P-384'],
    spared: ['rsa:2048', 'rsa:3072', 'P-521'],
    init: 'made',
    moveId: 'moved',
    room: false,
  });
});

// Without a resource manager a process can use one key.
describe.each(['rsa:2048', 'P-384'] as const)('a TPM with one %s key', (type) => {
  const { rig, token, told } = useCommands(tpm2);

  it('check: it signs', async () => {
    await makeKeys(rig(), [type]);
    const { keys } = (await told('token', 'check', ...token())) as { keys: unknown[] };
    expect(keys).toEqual([expect.objectContaining({ label: type, ok: true })]);
  });
});
