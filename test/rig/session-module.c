/* A PKCS#11 module that passes every call on to another and writes down how many sessions are open at each C_OpenSession and how many signatures are
   being made at each C_Sign. Signatures take a while, so that there are several at a time; as many as the file LOST has octets lose their session. */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef unsigned long word;
typedef word (*get_function_list)(void ***);

/* CK_FUNCTION_LIST (PKCS#11 2.40): the version, padded, and 68 functions in the order of the standard. */
enum { FUNCTIONS = 69, FINALIZE = 2, OPEN_SESSION = 13, CLOSE_SESSION = 14, LOGIN = 19, SIGN = 44 };
static void *functions[FUNCTIONS], *originals[FUNCTIONS];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int open_sessions, signatures;

static void tell(const char *what, int count) {
  char line[64];
  int length = snprintf(line, sizeof line, "%s %d\n", what, count);
  int file = open(TOLD, O_WRONLY | O_APPEND);
  if (file < 0) return;
  if (write(file, line, (size_t)length) != length) _exit(99);
  close(file);
}

static int loses(void) {
  struct stat about;
  int lost = stat(LOST, &about) == 0 && about.st_size > 0 && truncate(LOST, about.st_size - 1) == 0;
  return lost;
}

static word counted_finalize(void *reserved) {
  open_sessions = 0;
  return ((word(*)(void *))originals[FINALIZE])(reserved);
}

static word counted_open(word slot, word flags, void *application, void *notify, word *session) {
  word result = ((word(*)(word, word, void *, void *, word *))originals[OPEN_SESSION])(slot, flags, application, notify, session);
  pthread_mutex_lock(&mutex);
  if (result == 0) tell("open", ++open_sessions);
  pthread_mutex_unlock(&mutex);
  return result;
}

static word counted_close(word session) {
  pthread_mutex_lock(&mutex);
  open_sessions--;
  pthread_mutex_unlock(&mutex);
  return ((word(*)(word))originals[CLOSE_SESSION])(session);
}

static word counted_login(word session, word user, void *pin, word length) {
  tell("login", 1);
  return ((word(*)(word, word, void *, word))originals[LOGIN])(session, user, pin, length);
}

static word counted_sign(word session, void *data, word length, void *signature, word *size) {
  word result;
  int lost;
  pthread_mutex_lock(&mutex);
  lost = signature != NULL && loses();
  tell(lost ? "lost" : "sign", ++signatures);
  pthread_mutex_unlock(&mutex);
  if (signature != NULL) usleep(20000);
  /* CKR_SESSION_HANDLE_INVALID */
  result = lost ? 0xb3 : ((word(*)(word, void *, word, void *, word *))originals[SIGN])(session, data, length, signature, size);
  pthread_mutex_lock(&mutex);
  signatures--;
  pthread_mutex_unlock(&mutex);
  return result;
}

word C_GetFunctionList(void ***list) {
  void *module = dlopen(MODULE, RTLD_NOW);
  void **real;
  get_function_list get = module == NULL ? NULL : (get_function_list)dlsym(module, "C_GetFunctionList");
  if (get == NULL || get(&real) != 0) return 5;
  memcpy(functions, real, sizeof functions);
  memcpy(originals, real, sizeof originals);
  functions[FINALIZE] = (void *)counted_finalize;
  functions[OPEN_SESSION] = (void *)counted_open;
  functions[CLOSE_SESSION] = (void *)counted_close;
  functions[LOGIN] = (void *)counted_login;
  functions[SIGN] = (void *)counted_sign;
  *list = functions;
  return 0;
}
