import { execFileSync } from 'node:child_process';
import { chownSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { program } from '../program.js';
import type { Measure } from './in-turn.js';
import { certificateFile, keyUri, type CaKey, type IssuePlace } from './place.js';

/** The module alone: C_SignInit and C_Sign in a loop, start-up not counted. */
export function rawRate(place: IssuePlace, key: CaKey, sessions: number): Measure {
  const { token, user, environment, signLoop } = place;
  const args = [
    token.module,
    token.label,
    token.pinFile,
    key.id,
    key.raw.mechanism,
    String(key.raw.octets),
    String(sessions),
    String(key.count),
  ];
  return () => Number(program(signLoop, args, { as: user, env: environment }).toString());
}

/** openssl's own CA with its engine, `count` requests in one process; its database is new each time. */
export function opensslCa(place: IssuePlace, key: CaKey, count: number): Measure {
  const { directory, user, environment } = place;
  const requests = place.requests.slice(0, count).map(({ file }) => file);
  const certificates = path.join(directory, 'certs');
  return () => {
    for (const [name, content] of [
      ['index.txt', ''],
      ['serial', '1000\n'],
    ] as const)
      freshFile(place, path.join(directory, name), content);
    for (const old of readdirSync(certificates)) rmSync(path.join(certificates, old));
    const start = performance.now();
    program(
      'openssl',
      [
        'ca',
        '-batch',
        '-notext',
        '-engine',
        'pkcs11',
        '-keyform',
        'engine',
        '-keyfile',
        keyUri(place, key),
        '-cert',
        certificateFile(place, key),
        '-infiles',
        ...requests,
      ],
      { as: user, env: environment },
    );
    const taken = performance.now() - start;
    const made = readdirSync(certificates);
    if (made.length !== count) throw new Error(`openssl ca made ${String(made.length)} of ${String(count)} certificates.`);
    verified(certificateFile(place, key), path.join(certificates, made[0]!));
    return taken;
  };
}

export const processes = 20;

/** openssl x509 -req, a process for each certificate: the Nitrokey article's way. Fewer of them, as each takes the same. */
export function opensslX509(place: IssuePlace, key: CaKey): Measure {
  const { directory, user, environment } = place;
  const out = path.join(directory, 'certs', 'one.pem');
  return () => {
    const start = performance.now();
    for (const { file: request } of place.requests.slice(0, processes)) {
      program(
        'openssl',
        [
          'x509',
          '-req',
          '-engine',
          'pkcs11',
          '-CAkeyform',
          'engine',
          '-CAkey',
          keyUri(place, key),
          '-CA',
          certificateFile(place, key),
          '-CAcreateserial',
          '-CAserial',
          path.join(directory, 'certs', 'srl'),
          '-extfile',
          environment['OPENSSL_CONF']!,
          '-extensions',
          'server',
          '-days',
          '375',
          '-in',
          request,
          '-out',
          out,
        ],
        { as: user, env: environment },
      );
    }
    const taken = performance.now() - start;
    verified(certificateFile(place, key), out);
    return taken;
  };
}

function freshFile({ user }: IssuePlace, file: string, content: string): void {
  rmSync(file, { force: true });
  rmSync(`${file}.attr`, { force: true });
  writeFileSync(file, content);
  chownSync(file, user.uid, user.gid);
}

/** Throws unless openssl finds the certificate signed by the CA. */
export function verified(ca: string, certificate: string): void {
  const said = execFileSync('openssl', ['verify', '-CAfile', ca, certificate]).toString();
  if (!said.includes(': OK')) throw new Error(said);
}
