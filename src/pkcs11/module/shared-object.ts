import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';

const elf = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);
const sharedObject = 3; // ET_DYN

/**
 * Why a file cannot be loaded as a PKCS#11 module, as the end of a sentence, or undefined when nothing speaks against it. Asked before
 * dlopen: that runs the file's code, and pkcs11js kills the process when it is used after loading what lacks C_GetFunctionList.
 */
export function notAModule(file: string): string | undefined {
  const descriptor = openSync(file, 'r');
  try {
    if (!fstatSync(descriptor).isFile()) return 'is not a regular file';
    const head = header(descriptor);
    if (!head.subarray(0, elf.length).equals(elf)) return 'is not a shared library (no ELF file)';
    const own = ownHeader();
    // e_ident's class and byte order, then e_machine: the program that runs us is of the right kind.
    if (head.compare(own, 4, 6, 4, 6) !== 0 || head.compare(own, 18, 20, 18, 20) !== 0)
      return 'is a library for another kind of processor than this program';
    const type = head[5] === 2 ? head.readUInt16BE(16) : head.readUInt16LE(16);
    if (type !== sharedObject) return 'is an ELF file, but not a shared library';
    // Only the end of the string is certain: linkers store one name as the tail of another (NSS softokn's NSC_GetFunctionList).
    return readFileSync(descriptor).includes('C_GetFunctionList\0')
      ? undefined
      : 'is a shared library, but has no C_GetFunctionList, so it is not a PKCS#11 module';
  } finally {
    closeSync(descriptor);
  }
}

function ownHeader(): Buffer {
  const descriptor = openSync('/proc/self/exe', 'r');
  try {
    return header(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function header(descriptor: number): Buffer {
  const head = Buffer.alloc(20);
  readSync(descriptor, head, 0, head.length, 0);
  return head;
}
