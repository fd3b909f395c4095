/* A PKCS#11 module that has OpenSC's pkcs11-spy write down every call to one module: the spy is told by variables, and certmonger's children have none. */
#include <dlfcn.h>
#include <stdlib.h>

typedef unsigned long (*get_function_list)(void **);

unsigned long C_GetFunctionList(void **list) {
  void *spy;
  get_function_list get;
  setenv("PKCS11SPY", SPIED, 1);
  setenv("PKCS11SPY_OUTPUT", OUTPUT, 1);
  spy = dlopen(SPY, RTLD_NOW);
  if (spy == NULL) return 5;
  get = (get_function_list)dlsym(spy, "C_GetFunctionList");
  return get == NULL ? 5 : get(list);
}
