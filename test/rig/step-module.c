/*
 * Counts what a command and its workers do to the outside world, all in one file they share, and makes the n-th of it go wrong. As a PKCS#11 module it passes every call on to
 * another; preloaded (LD_PRELOAD) it sees files being made, named, removed and synced. What the module itself does with files is the module's business and not counted.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NOTHING, HALT_BEFORE, HALT_AFTER, DISK_FULL, FILES_FULL, REMOVED };
enum { RUNNING, HALTED, GO_ON };
static struct shared { atomic_uint count, at, what, state; } *shared;
static int log_file = -1;
static __thread int inside;

static void ready(void) {
  int file;
  if (shared != NULL) return;
  inside++;
  file = open(STEPS, O_RDWR);
  shared = file < 0 ? NULL : mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (file >= 0) close(file);
  if (shared == MAP_FAILED) shared = NULL;
  log_file = open(STEPS ".log", O_WRONLY | O_APPEND | O_CLOEXEC);
  inside--;
}

static void halt(void) {
  atomic_store(&shared->state, HALTED);
  while (atomic_load(&shared->state) != GO_ON) usleep(2000);
}

/* The number of this step; halts before it where that is wanted. 0: not to be counted. */
static unsigned step(const char *kind, const char *what) {
  unsigned number;
  char line[512];
  int length;
  ready();
  if (shared == NULL || inside > 0) return 0;
  number = atomic_fetch_add(&shared->count, 1) + 1;
  length = snprintf(line, sizeof line, "%u %s %s\n", number, kind, what);
  if (log_file >= 0) syscall(SYS_write, log_file, line, length > 511 ? 511 : length);
  if (shared->what == HALT_BEFORE && number == shared->at) halt();
  return number;
}

static void done(unsigned number) {
  if (number != 0 && shared->what == HALT_AFTER && number == shared->at) halt();
}

/* From the n-th step on. */
static int is(unsigned what) {
  ready();
  return shared != NULL && shared->what == what && shared->at != 0 && shared->count >= shared->at;
}

/* --- files --- */

static int ours(const char *path) { return path != NULL && strncmp(path, BELOW, sizeof BELOW - 1) == 0; }

/* Where a file or directory cannot even be made, and where only nothing more goes into one. */
static int full(void) { return inside == 0 && is(DISK_FULL); }
static int no_room(void) { return full() || (inside == 0 && is(FILES_FULL)); }

#define REAL(name, type) ((type)dlsym(RTLD_NEXT, name))

static int made(const char *name, const char *path, int flags, mode_t mode) {
  unsigned number = 0;
  int result;
  if (ours(path) && (flags & O_CREAT) != 0) {
    int there = access(path, F_OK) == 0;
    number = step(there ? "open" : "create", path);
    if (full() && !there) { errno = ENOSPC; return -1; }
  }
  result = REAL(name, int (*)(const char *, int, ...))(path, flags, mode);
  done(number);
  return result;
}

#define OPEN(name)                                                     \
  int name(const char *path, int flags, ...) {                        \
    mode_t mode;                                                       \
    va_list rest;                                                      \
    va_start(rest, flags);                                             \
    mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0; \
    va_end(rest);                                                      \
    return made(#name, path, flags, mode);                             \
  }
OPEN(open)
OPEN(open64)

#define ONE(name)                                          \
  int name(const char *path) {                                         \
    unsigned number = ours(path) ? step(#name, path) : 0;              \
    int result = REAL(#name, int (*)(const char *))(path);             \
    done(number);                                                      \
    return result;                                                     \
  }
ONE(unlink)
ONE(rmdir)

#define TWO(name)                                                      \
  int name(const char *from, const char *to) {                         \
    unsigned number = ours(to) ? step(#name, to) : 0;                  \
    int result = REAL(#name, int (*)(const char *, const char *))(from, to); \
    done(number);                                                      \
    return result;                                                     \
  }
TWO(rename)
TWO(link)

int mkdir(const char *path, mode_t mode) {
  unsigned number = ours(path) ? step("mkdir", path) : 0;
  int result;
  if (number != 0 && full()) { errno = ENOSPC; return -1; }
  result = REAL("mkdir", int (*)(const char *, mode_t))(path, mode);
  done(number);
  return result;
}

/* The name of a regular file below the directory that is watched, or NULL. */
static const char *name_of(int file, char *buffer, size_t size) {
  char link[64];
  struct stat about;
  ssize_t length;
  if (inside > 0 || syscall(SYS_fstat, file, &about) != 0 || !S_ISREG(about.st_mode)) return NULL;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  length = readlink(link, buffer, size - 1);
  if (length <= 0) return NULL;
  buffer[length] = 0;
  return ours(buffer) && strcmp(buffer, STEPS ".log") != 0 ? buffer : NULL;
}

#define SYNC(name)                                                     \
  int name(int file) {                                                 \
    char buffer[512];                                                  \
    const char *path = name_of(file, buffer, sizeof buffer);           \
    unsigned number = path == NULL ? 0 : step(#name, path);            \
    /* What a killed process has written is not lost: nobody need wait for the disk. */ \
    int result = path == NULL ? REAL(#name, int (*)(int))(file) : 0;   \
    done(number);                                                      \
    return result;                                                     \
  }
SYNC(fsync)
SYNC(fdatasync)

/* Overwriting needs no room, so only what would make the file longer is refused. */
static int grows(int file, off_t end) {
  char buffer[512];
  struct stat about;
  return no_room() && name_of(file, buffer, sizeof buffer) != NULL && syscall(SYS_fstat, file, &about) == 0 && end > about.st_size;
}

ssize_t write(int file, const void *data, size_t size) {
  if (no_room() && grows(file, lseek(file, 0, SEEK_CUR) + (off_t)size)) { errno = ENOSPC; return -1; }
  return syscall(SYS_write, file, data, size);
}

#define PWRITE(name)                                                   \
  ssize_t name(int file, const void *data, size_t size, off_t offset) { \
    if (grows(file, offset + (off_t)size)) { errno = ENOSPC; return -1; } \
    return syscall(SYS_pwrite64, file, data, size, offset);            \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

/* --- processes --- */

/* A worker has a clean environment: here it gets the counter before its C library, and what it starts in turn does not. */
int execvp(const char *program, char *const argv[]) {
  enum { MOST = 64 };
  const char *variables[MOST + 2];
  int worker = 0, count = 0;
  for (int i = 0; argv[i] != NULL; i++) worker |= strstr(argv[i], "/worker.cjs") != NULL;
  if (!worker) return REAL("execvp", int (*)(const char *, char *const *))(program, argv);
  for (; environ[count] != NULL && count < MOST; count++) variables[count] = environ[count];
  variables[count] = "LD_PRELOAD=" SELF;
  variables[count + 1] = NULL;
  return execvpe(program, argv, (char *const *)variables);
}

/* --- PKCS#11 --- */

typedef unsigned long word;
typedef word (*call)(word, word, word, word, word, word, word, word);
typedef word (*get_function_list)(void ***);

/* CK_FUNCTION_LIST (PKCS#11 2.40): the version, padded, and 68 functions in the order of the standard. */
#define FUNCTIONS                                                                                                                                            \
  X(1, C_Initialize) X(2, C_Finalize) X(3, C_GetInfo) X(5, C_GetSlotList) X(6, C_GetSlotInfo) X(7, C_GetTokenInfo) X(8, C_GetMechanismList)                \
  X(9, C_GetMechanismInfo) X(10, C_InitToken) X(11, C_InitPIN) X(12, C_SetPIN) X(13, C_OpenSession) X(14, C_CloseSession) X(15, C_CloseAllSessions)        \
  X(16, C_GetSessionInfo) X(19, C_Login) X(20, C_Logout) X(21, C_CreateObject) X(22, C_CopyObject) X(23, C_DestroyObject) X(24, C_GetObjectSize)           \
  X(25, C_GetAttributeValue) X(26, C_SetAttributeValue) X(27, C_FindObjectsInit) X(28, C_FindObjects) X(29, C_FindObjectsFinal) X(43, C_SignInit)          \
  X(44, C_Sign) X(45, C_SignUpdate) X(46, C_SignFinal) X(59, C_GenerateKey) X(60, C_GenerateKeyPair) X(64, C_SeedRandom) X(65, C_GenerateRandom)
static void *functions[69], **real;

static word through(int index, const char *name, word a, word b, word c, word d, word e, word f, word g, word h) {
  unsigned number = step("pkcs11", name);
  word result;
  if (is(REMOVED) && index > 2) return 0x32; /* CKR_DEVICE_REMOVED */
  inside++;
  result = ((call)real[index])(a, b, c, d, e, f, g, h);
  inside--;
  done(number);
  return result;
}

#define X(index, name) \
  static word step_##name(word a, word b, word c, word d, word e, word f, word g, word h) { return through(index, #name, a, b, c, d, e, f, g, h); }
FUNCTIONS
#undef X

word C_GetFunctionList(void ***list) {
  void *module;
  get_function_list get;
  inside++;
  module = dlopen(MODULE, RTLD_NOW);
  get = module == NULL ? NULL : (get_function_list)dlsym(module, "C_GetFunctionList");
  inside--;
  if (get == NULL || get(&real) != 0) return 5;
  memcpy(functions, real, sizeof functions);
#define X(index, name) functions[index] = (void *)step_##name;
  FUNCTIONS
#undef X
  *list = functions;
  return 0;
}
