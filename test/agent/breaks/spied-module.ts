import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { softHsmModule } from '../../rig/soft-token.js';

/** SoftHSM that writes down every login, whoever's process it is: certmonger clears the environment, so pkcs11-spy would not know where. */
export interface SpiedModule {
  readonly module: string;
  /** Since the last time this was asked. */
  logins(): SpiedLogin[];
}

export interface SpiedLogin {
  /** Name and process id of who tried. */
  readonly program: string;
  readonly pid: number;
  readonly refused: boolean;
}

/** CKR_PIN_INCORRECT to CKR_PIN_LOCKED: what costs an attempt. A token that went away in the middle of a login says something else. */
const ofThePin: ReadonlySet<string> = new Set(['a0', 'a1', 'a2', 'a3', 'a4']);

/**
 * The function list is two bytes of version and then pointers (PKCS#11 2.40 §3.6), in the order of pkcs11f.h: C_Login is the nineteenth.
 */
const source = (log: string) => `#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
struct list { unsigned char version[2]; void *function[68]; };
static struct list ours;
static unsigned long (*real)(unsigned long, unsigned long, unsigned char *, unsigned long);
static unsigned long login(unsigned long session, unsigned long user, unsigned char *pin, unsigned long length) {
  unsigned long answer = real(session, user, pin, length);
  char line[200];
  int size = snprintf(line, sizeof line, "%s %d %lx\\n", program_invocation_short_name, (int)getpid(), answer);
  int file = open("${log}", O_WRONLY | O_APPEND);
  if (file >= 0) { if (write(file, line, size) != size) _exit(99); close(file); }
  return answer;
}
unsigned long C_GetFunctionList(struct list **out) {
  struct list *theirs;
  unsigned long (*get)(struct list **) = dlsym(dlopen("${softHsmModule}", RTLD_NOW), "C_GetFunctionList");
  get(&theirs);
  ours = *theirs;
  real = ours.function[18];
  ours.function[18] = login;
  *out = &ours;
  return 0;
}
`;

export function buildSpiedModule(directory: string): SpiedModule {
  const log = path.join(directory, 'logins');
  const file = path.join(directory, 'spied.c');
  const module = path.join(directory, 'libspied.so');
  writeFileSync(log, '');
  chmodSync(log, 0o666);
  writeFileSync(file, source(log));
  execFileSync('gcc', ['-shared', '-fPIC', '-o', module, file, '-ldl']);
  let read = 0;
  return {
    module,
    logins: () => {
      const lines = readFileSync(log, 'utf8')
        .trim()
        .split('\n')
        .filter((line) => line !== '');
      const fresh = lines.slice(read);
      read = lines.length;
      return fresh.map((line) => {
        const [program = '', pid, answer] = line.split(' ');
        return { program, pid: Number(pid), refused: answer !== undefined && ofThePin.has(answer) };
      });
    },
  };
}
