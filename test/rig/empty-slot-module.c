/* A PKCS#11 module that passes every call on to another and shows an empty slot before that one's, as a reader without a card. */
#include <dlfcn.h>
#include <string.h>

typedef unsigned long ulong;
typedef ulong (*get_function_list)(void ***);
typedef ulong (*get_slot_list)(unsigned char, ulong *, ulong *);
typedef ulong (*get_info)(ulong, void *);

/* CK_FUNCTION_LIST (PKCS#11 2.40): the version, padded, and 68 functions in the order of the standard. */
enum { FUNCTIONS = 69, GET_SLOT_LIST = 5, GET_SLOT_INFO = 6, GET_TOKEN_INFO = 7, EMPTY = 0x777, SLOT_INFO = 112 };
static void *functions[FUNCTIONS];
static void **real;

static ulong slot_list(unsigned char present, ulong *slots, ulong *count) {
  get_slot_list original = (get_slot_list)real[GET_SLOT_LIST];
  ulong others, result;
  if (present) return original(present, slots, count);
  result = original(0, NULL, &others);
  if (result != 0) return result;
  if (slots != NULL && *count <= others) result = 0x150; /* CKR_BUFFER_TOO_SMALL */
  *count = others + 1;
  if (slots == NULL || result != 0) return result;
  slots[0] = EMPTY;
  return original(0, slots + 1, &others);
}

static ulong slot_info(ulong slot, void *info) {
  if (slot != EMPTY) return ((get_info)real[GET_SLOT_INFO])(slot, info);
  memset(info, 0, SLOT_INFO);
  memset(info, ' ', 96); /* description and manufacturer */
  return 0;
}

static ulong token_info(ulong slot, void *info) {
  return slot == EMPTY ? 0xE0 /* CKR_TOKEN_NOT_PRESENT */ : ((get_info)real[GET_TOKEN_INFO])(slot, info);
}

ulong C_GetFunctionList(void ***list) {
  void *module = dlopen(MODULE, RTLD_NOW);
  get_function_list get = module == NULL ? NULL : (get_function_list)dlsym(module, "C_GetFunctionList");
  if (get == NULL || get(&real) != 0) return 5;
  memcpy(functions, real, sizeof functions);
  functions[GET_SLOT_LIST] = (void *)slot_list;
  functions[GET_SLOT_INFO] = (void *)slot_info;
  functions[GET_TOKEN_INFO] = (void *)token_info;
  *list = functions;
  return 0;
}
