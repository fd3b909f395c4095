import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { stopAtExit, stopProcess } from './processes.js';

/** MIT's KDC for the realm EXAMPLE.TEST, on a port of its own. */
export interface Kdc {
  /** For every Kerberos program that is to use it. */
  readonly environment: { readonly KRB5_CONFIG: string };
  /** Makes the principals and a keytab that only root can read; gives its path. */
  keytab(name: string, ...principals: string[]): Promise<string>;
  readonly stop: () => Promise<void>;
}

const realm = 'EXAMPLE.TEST';

export async function startKdc(directory: string, port: number): Promise<Kdc> {
  const home = path.join(directory, 'kdc');
  mkdirSync(home, { mode: 0o755 });
  const at = (file: string) => path.join(home, file);
  // The servers' names stand in no DNS, and the directory answers to its address alone.
  writeFileSync(
    at('krb5.conf'),
    `[libdefaults]\ndefault_realm = ${realm}\ndns_lookup_kdc = false\ndns_lookup_realm = false\ndns_canonicalize_hostname = false\nrdns = false\nignore_acceptor_hostname = true\n[realms]\n${realm} = {\n kdc = 127.0.0.1:${String(port)}\n}\n[logging]\nkdc = FILE:${at('kdc.log')}\n`,
  );
  writeFileSync(
    at('kdc.conf'),
    `[realms]\n${realm} = {\n database_name = ${at('principal')}\n key_stash_file = ${at('stash')}\n acl_file = ${at('acl')}\n kdc_listen = 127.0.0.1:${String(port)}\n kdc_tcp_listen = 127.0.0.1:${String(port)}\n}\n`,
  );
  const environment = { KRB5_CONFIG: at('krb5.conf') };
  const env = { ...environment, KRB5_KDC_PROFILE: at('kdc.conf'), PATH: '/usr/bin:/bin:/usr/sbin:/sbin' };
  const admin = (query: string) => execa('kadmin.local', ['-q', query], { env, timeout: 30_000 });
  await execa('kdb5_util', ['create', '-s', '-P', 'the database of the rig', '-r', realm], { env, timeout: 60_000 });
  const log = openSync(at('stdout'), 'a');
  const kdc = spawn('krb5kdc', ['-n'], { env, stdio: ['ignore', log, log], cwd: '/' });
  closeSync(log);
  stopAtExit(kdc);
  for (let left = 200; !(await listens(port)); left--) {
    if (left === 0 || kdc.exitCode !== null) throw new Error(`krb5kdc does not listen on port ${String(port)}; see ${at('stdout')}`);
    await sleep(50);
  }
  return {
    environment,
    keytab: async (name, ...principals) => {
      const file = at(`${name}.keytab`);
      for (const principal of principals) {
        await admin(`addprinc -randkey ${principal}`);
        await admin(`ktadd -k ${file} ${principal}`);
      }
      return file;
    },
    stop: () => stopProcess(kdc, 'SIGTERM'),
  };
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
