/** The helper's and the hooks' own command line: only what certmonger cannot tell otherwise (design rule 12). */
export interface Flags {
  readonly instance: string | undefined;
  /** The tracking request, for hooks. */
  readonly request: string | undefined;
  readonly configDir: string | undefined;
  readonly stateDir: string | undefined;
  /** Hand out the certificate that is there, as FreeIPA's CA `…-reuse` does. */
  readonly reuseExisting: boolean;
  /** Let the CA sign its own certificate, though another CA signed the one it has (`…-selfsigned`). */
  readonly forceSelfSigned: boolean;
}

const switches = { '--reuse-existing': 'reuseExisting', '--force-self-signed': 'forceSelfSigned' } as const;
const names = { '--instance': 'instance', '--request': 'request', '--config-dir': 'configDir', '--state-dir': 'stateDir' } as const;

/** Reads `--flag value` and `--flag=value`; a word it does not know is returned as `unknown`, for one clear sentence. */
export function readFlags(argv: readonly string[]): Flags & { readonly unknown: string | undefined } {
  const flags: Record<(typeof names)[keyof typeof names], string | undefined> = {
    instance: undefined,
    request: undefined,
    configDir: undefined,
    stateDir: undefined,
  };
  const given: Record<(typeof switches)[keyof typeof switches], boolean> = { reuseExisting: false, forceSelfSigned: false };
  const rest = [...argv];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (Object.hasOwn(switches, word)) {
      given[switches[word as keyof typeof switches]] = true;
      continue;
    }
    const [name, inline] = split(word);
    const key = Object.hasOwn(names, name) ? names[name as keyof typeof names] : undefined;
    const value = inline ?? rest.shift();
    if (key === undefined || value === undefined) return { ...flags, ...given, unknown: word };
    flags[key] = value;
  }
  return { ...flags, ...given, unknown: undefined };
}

function split(word: string): [string, string | undefined] {
  const at = word.indexOf('=');
  return at === -1 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}
