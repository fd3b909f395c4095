import { expect, it } from 'vitest';
import { cloneDocument, type HostParts } from '../../../src/cli/setup/clone-document.js';

const nothing: HostParts = {
  host: 'ca2.example.test',
  owner: undefined,
  user: undefined,
  module: undefined,
  moduleEnv: undefined,
  moduleParameters: undefined,
  pinFile: undefined,
  dbdir: undefined,
  nssPasswordFile: undefined,
  restart: undefined,
};
const first = {
  user: 'pkiuser',
  token: { label: 't', module: '/m.so', 'pin-credential': 'hsm', 'pin-unlock': '/run/x', environment: { A: '1' } },
  nss: { database: '/n' },
  issuer: { type: 'token', certificate: 'ca', owner: 'ca1.example.test', digest: 'sha384' },
  directory: { uri: 'ldaps://d', host: 'ca1.example.test' },
  certificate: [
    { nickname: 'ca', profile: 'caCACert' },
    { nickname: 'Server-Cert', profile: 'caServerCert', token: 'internal' },
    { nickname: 'ra', profile: 'caSubsystemCert', 'certificate-file': '/c', 'key-file': '/k' },
    { nickname: 'other', profile: 'caOCSPCert', token: 'second' },
  ],
};

it('what lies on the tokens stays, what is the other host’s own is left out by name', () => {
  const { document, leftOut } = cloneDocument(first, nothing);
  expect((document['certificate'] as { nickname: string }[]).map(({ nickname }) => nickname)).toEqual(['ca', 'other']);
  expect(leftOut.map((sentence) => /^'([^']+)' is left out/u.exec(sentence)?.[1])).toEqual(['Server-Cert', 'ra']);
});

it('everything else goes over as it is, but for the name this host has in the directory', () => {
  expect(cloneDocument(first, nothing).document).toMatchObject({
    user: 'pkiuser',
    token: first.token,
    nss: first.nss,
    issuer: first.issuer,
    directory: { uri: 'ldaps://d', host: 'ca2.example.test' },
  });
});

it('a PIN file of this host takes the place of every other source; what flags say wins', () => {
  const { document } = cloneDocument(first, {
    ...nothing,
    pinFile: '/own.pin',
    module: '/own.so',
    moduleEnv: { B: '2' },
    moduleParameters: 'p=1',
    dbdir: '/own',
    user: 'ca',
    restart: 'x.service',
  });
  expect(document).toMatchObject({ user: 'ca', nss: { database: '/own' }, saving: { restart: 'x.service' } });
  expect(document['token']).toEqual({ label: 't', module: '/own.so', environment: { B: '2' }, parameters: 'p=1', 'pin-file': '/own.pin' });
});

it('who owns is what the file says, else what the flag says, and nothing where another issues', () => {
  const issuer = (table: object) => cloneDocument({ ...first, issuer: table }, { ...nothing, owner: 'ca9' });
  expect(issuer({ type: 'token', certificate: 'ca', owner: 'ca1' }).owner).toBe('ca1');
  expect(issuer({ type: 'token', certificate: 'ca' })).toMatchObject({ owner: 'ca9', document: { issuer: { owner: 'ca9' } } });
  expect(issuer({ type: 'external', certificate: 'ca' })).toMatchObject({
    owner: undefined,
    document: { issuer: { type: 'external', certificate: 'ca' } },
  });
});
