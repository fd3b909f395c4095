/*
 * What the module itself can do: sign-loop MODULE LABEL PIN-FILE KEY-ID-HEX MECHANISM-HEX OCTETS SESSIONS COUNT signs COUNT texts of OCTETS octets, divided
 * among SESSIONS sessions with a thread each, and prints the milliseconds from the first C_SignInit to the last C_Sign. Start, login and search are outside.
 * Declares of PKCS#11 2.40 just what it calls (function order: section 3.6).
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef unsigned long ulong;
typedef ulong (*function)();

struct function_list { unsigned char version[2]; function at[68]; };
struct mechanism { ulong type; void *parameter; ulong length; };
struct attribute { ulong type; void *value; ulong length; };
struct token_info { unsigned char label[32]; unsigned char rest[512]; };
struct arguments { void *create, *destroy, *lock, *unlock; ulong flags; void *reserved; };

enum { Initialize = 0, GetSlotList = 4, GetTokenInfo = 6, OpenSession = 12, Login = 18, FindObjectsInit = 26, FindObjects = 27, FindObjectsFinal = 28, SignInit = 42, Sign = 43 };
enum { CKF_OS_LOCKING_OK = 2, CKF_SERIAL_SESSION = 4, CKU_USER = 1, CKO_PRIVATE_KEY = 3, CKA_CLASS = 0, CKA_ID = 0x102, MOST_SESSIONS = 64 };

static struct function_list *p11;
static unsigned char id[64];
static ulong id_length, mechanism_type, octets;

struct session { ulong handle, key, count; pthread_t thread; };

static void check(const char *what, ulong rv) {
  if (rv == 0) return;
  fprintf(stderr, "%s: CKR 0x%lx\n", what, rv);
  exit(1);
}

static ulong token_slot(const char *label) {
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

static ulong find_key(ulong session) {
  ulong class = CKO_PRIVATE_KEY, key, found;
  struct attribute wanted[] = { { CKA_CLASS, &class, sizeof class }, { CKA_ID, id, id_length } };
  check("C_FindObjectsInit", p11->at[FindObjectsInit](session, wanted, 2UL));
  check("C_FindObjects", p11->at[FindObjects](session, &key, 1UL, &found));
  check("C_FindObjectsFinal", p11->at[FindObjectsFinal](session));
  if (found == 1) return key;
  fprintf(stderr, "no such key\n");
  exit(1);
}

static void *work(void *argument) {
  struct session *session = argument;
  unsigned char *text = calloc(1, octets), signature[1024];
  struct mechanism mechanism = { mechanism_type, NULL, 0 };
  for (ulong i = 0; i < session->count; i++) {
    ulong length = sizeof signature;
    memcpy(text, &i, sizeof i);
    check("C_SignInit", p11->at[SignInit](session->handle, &mechanism, session->key));
    check("C_Sign", p11->at[Sign](session->handle, text, octets, signature, &length));
  }
  free(text);
  return NULL;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

int main(int argc, char **argv) {
  if (argc != 9) return 2;
  void *module = dlopen(argv[1], RTLD_NOW);
  if (module == NULL) { fprintf(stderr, "%s\n", dlerror()); return 1; }
  check("C_GetFunctionList", ((function)dlsym(module, "C_GetFunctionList"))(&p11));
  struct arguments arguments = { NULL, NULL, NULL, NULL, CKF_OS_LOCKING_OK, NULL };
  check("C_Initialize", p11->at[Initialize](&arguments));
  for (const char *hex = argv[4]; id_length < sizeof id && sscanf(hex, "%2hhx", &id[id_length]) == 1; hex += 2) id_length++;
  mechanism_type = strtoul(argv[5], NULL, 16);
  octets = strtoul(argv[6], NULL, 10);
  ulong sessions = strtoul(argv[7], NULL, 10), count = strtoul(argv[8], NULL, 10);
  if (sessions < 1 || sessions > MOST_SESSIONS || octets < sizeof(ulong)) return 2;

  char pin[256];
  FILE *pin_file = fopen(argv[3], "r");
  if (pin_file == NULL || fgets(pin, sizeof pin, pin_file) == NULL) { perror(argv[3]); return 1; }
  fclose(pin_file);

  static struct session all[MOST_SESSIONS];
  ulong slot = token_slot(argv[2]);
  for (ulong i = 0; i < sessions; i++) {
    check("C_OpenSession", p11->at[OpenSession](slot, (ulong)CKF_SERIAL_SESSION, NULL, NULL, &all[i].handle));
    if (i == 0) check("C_Login", p11->at[Login](all[i].handle, (ulong)CKU_USER, pin, (ulong)strcspn(pin, "\n")));
    all[i].key = find_key(all[i].handle);
    all[i].count = count / sessions + (i < count % sessions);
  }
  double start = now();
  for (ulong i = 0; i < sessions; i++) if (pthread_create(&all[i].thread, NULL, work, &all[i]) != 0) return 1;
  for (ulong i = 0; i < sessions; i++) pthread_join(all[i].thread, NULL);
  printf("%.3f\n", now() - start);
  fflush(stdout);
  _Exit(0);
}
