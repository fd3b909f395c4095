/*
 * One signature as a whole process: sign-once MODULE LABEL PIN-FILE KEY-ID-HEX, raw RSA PKCS#1 SHA-256 signature of a fixed text on
 * stdout. The floor under any helper that signs on a token. Declares of PKCS#11 2.40 just what it calls (function order: section 3.6).
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long ulong;
typedef ulong (*function)();

struct function_list { unsigned char version[2]; function at[68]; };
struct mechanism { ulong type; void *parameter; ulong length; };
struct attribute { ulong type; void *value; ulong length; };
struct token_info { unsigned char label[32]; unsigned char rest[512]; };

enum { Initialize = 0, GetSlotList = 4, GetTokenInfo = 6, OpenSession = 12, Login = 18, FindObjectsInit = 26, FindObjects = 27, FindObjectsFinal = 28, SignInit = 42, Sign = 43 };
enum { CKF_SERIAL_SESSION = 4, CKU_USER = 1, CKO_PRIVATE_KEY = 3, CKA_CLASS = 0, CKA_ID = 0x102, CKM_SHA256_RSA_PKCS = 0x40 };

static void check(const char *what, ulong rv) {
  if (rv == 0) return;
  fprintf(stderr, "%s: CKR 0x%lx\n", what, rv);
  exit(1);
}

static ulong token_slot(const struct function_list *p11, const char *label) {
  ulong slots[64], count = 64;
  unsigned char padded[32];
  memset(padded, ' ', sizeof padded);
  memcpy(padded, label, strnlen(label, sizeof padded));
  check("C_GetSlotList", p11->at[GetSlotList](1, slots, &count));
  for (ulong i = 0; i < count; i++) {
    struct token_info info;
    check("C_GetTokenInfo", p11->at[GetTokenInfo](slots[i], &info));
    if (memcmp(info.label, padded, sizeof padded) == 0) return slots[i];
  }
  fprintf(stderr, "no token '%s'\n", label);
  exit(1);
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  void *module = dlopen(argv[1], RTLD_NOW);
  if (module == NULL) { fprintf(stderr, "%s\n", dlerror()); return 1; }
  struct function_list *p11;
  check("C_GetFunctionList", ((function)dlsym(module, "C_GetFunctionList"))(&p11));
  check("C_Initialize", p11->at[Initialize](NULL));

  ulong session, slot = token_slot(p11, argv[2]);
  check("C_OpenSession", p11->at[OpenSession](slot, (ulong)CKF_SERIAL_SESSION, NULL, NULL, &session));

  char pin[256];
  FILE *pin_file = fopen(argv[3], "r");
  if (pin_file == NULL || fgets(pin, sizeof pin, pin_file) == NULL) { perror(argv[3]); return 1; }
  fclose(pin_file);
  check("C_Login", p11->at[Login](session, (ulong)CKU_USER, pin, (ulong)strcspn(pin, "\n")));

  unsigned char id[64];
  ulong id_length = 0;
  for (const char *hex = argv[4]; id_length < sizeof id && sscanf(hex, "%2hhx", &id[id_length]) == 1; hex += 2) id_length++;
  ulong class = CKO_PRIVATE_KEY, key, found;
  struct attribute wanted[] = { { CKA_CLASS, &class, sizeof class }, { CKA_ID, id, id_length } };
  check("C_FindObjectsInit", p11->at[FindObjectsInit](session, wanted, 2UL));
  check("C_FindObjects", p11->at[FindObjects](session, &key, 1UL, &found));
  check("C_FindObjectsFinal", p11->at[FindObjectsFinal](session));
  if (found == 0) { fprintf(stderr, "no key %s\n", argv[4]); return 1; }

  static unsigned char text[] = "hsmonger";
  unsigned char signature[1024];
  ulong length = sizeof signature;
  struct mechanism mechanism = { CKM_SHA256_RSA_PKCS, NULL, 0 };
  check("C_SignInit", p11->at[SignInit](session, &mechanism, key));
  check("C_Sign", p11->at[Sign](session, text, (ulong)sizeof text - 1, signature, &length));
  fwrite(signature, 1, length, stdout);
  fflush(stdout);
  _Exit(0);
}
