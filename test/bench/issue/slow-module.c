/* A PKCS#11 module whose C_Sign takes SIGN_MS milliseconds longer than MODULE's own, as one behind a network does: the time is not this machine's. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef unsigned long ulong;
typedef ulong (*get_function_list)(void ***);
typedef ulong (*sign_function)(ulong, unsigned char *, ulong, unsigned char *, ulong *);

/* CK_FUNCTION_LIST (PKCS#11 2.40, section 3.6): the version, padded, and 68 functions in the order of the standard. */
enum { FUNCTIONS = 69, SIGN = 44 };
static void *functions[FUNCTIONS];
static sign_function sign;

static ulong slow_sign(ulong session, unsigned char *data, ulong length, unsigned char *signature, ulong *room) {
  struct timespec pause = { SIGN_MS / 1000, (SIGN_MS % 1000) * 1000000L };
  nanosleep(&pause, NULL);
  return sign(session, data, length, signature, room);
}

ulong C_GetFunctionList(void ***list) {
  void *module = dlopen(MODULE, RTLD_NOW);
  void **real;
  get_function_list get = module == NULL ? NULL : (get_function_list)dlsym(module, "C_GetFunctionList");
  if (get == NULL || get(&real) != 0) return 5;
  memcpy(functions, real, sizeof functions);
  sign = (sign_function)functions[SIGN];
  functions[SIGN] = (void *)slow_sign;
  *list = functions;
  return 0;
}
