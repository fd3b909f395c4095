/* A PKCS#11 module that passes every call on to another, but for C_SetAttributeValue: it kills its process before or after the n-th, or refuses the n-th. */
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long (*get_function_list)(void ***);
typedef unsigned long (*set_attribute_value)(unsigned long, unsigned long, void *, unsigned long);

/* CK_FUNCTION_LIST (PKCS#11 2.40): the version, padded, and 68 functions in the order of the standard. */
enum { FUNCTIONS = 69, SET_ATTRIBUTE_VALUE = 26 };
static void *functions[FUNCTIONS];
static set_attribute_value original;
static int calls;

static int number(const char *name) {
  const char *value = getenv(name);
  return value == NULL ? 0 : atoi(value);
}

static unsigned long obstinate(unsigned long session, unsigned long object, void *attributes, unsigned long count) {
  unsigned long result;
  calls++;
  if (number("OBSTINATE_KILL_BEFORE") == calls) kill(getpid(), SIGKILL);
  if (number("OBSTINATE_REFUSE") != 0 && calls == number("OBSTINATE_REFUSE")) return 0x10; /* CKR_ATTRIBUTE_READ_ONLY */
  result = original(session, object, attributes, count);
  if (number("OBSTINATE_KILL_AFTER") == calls) kill(getpid(), SIGKILL);
  return result;
}

unsigned long C_GetFunctionList(void ***list) {
  void *module = dlopen(MODULE, RTLD_NOW);
  void **real;
  get_function_list get = module == NULL ? NULL : (get_function_list)dlsym(module, "C_GetFunctionList");
  if (get == NULL || get(&real) != 0) return 5;
  memcpy(functions, real, sizeof functions);
  original = (set_attribute_value)functions[SET_ATTRIBUTE_VALUE];
  functions[SET_ATTRIBUTE_VALUE] = (void *)obstinate;
  *list = functions;
  return 0;
}
