import { expect, test } from 'vitest';
import { makeOwnRoot } from '../../src/service/tasks/ca/make-root.js';
import { doctorInstance } from '../doctor/facts.js';
import type { ServiceContext } from '../../src/service/context.js';

test('a clone makes no root: the token is not even opened (design rule 11)', async () => {
  const context = {
    instance: { ...doctorInstance, issuer: { ...doctorInstance.issuer, owner: 'another.example' } },
    openToken: () => Promise.reject(new Error('the token was opened')),
  } as unknown as ServiceContext;
  await expect(makeOwnRoot(context, {})).rejects.toMatchObject({
    code: 'CLONE_REFUSED',
    message: expect.stringContaining('another.example') as string,
  });
});
