/**
 * Cookies: what certmonger keeps for us between two calls of one enrolment. On a FreeIPA server they have the form of FreeIPA's helper
 * (install/certmonger/dogtag-ipa-ca-renew-agent-submit.in): a JSON envelope with the profile for each layer of its handlers, around
 * `request:`, `store:<PEM>:` or `retrieve:`, around what certmonger's own helper said. So either helper goes on where the other stopped.
 */

/** Where an enrolment stands. */
export type Progress =
  /** The CA has the request; `pending` is the issuer's word for it, such as certmonger's `state=check&requestId=7`. */
  | { readonly state: 'request'; readonly pending: string }
  /** The CA has issued `certificate` (PEM), which the other servers cannot get yet. */
  | { readonly state: 'store'; readonly certificate: string }
  /** Another server's certificate is waited for. */
  | { readonly state: 'retrieve' };

/**
 * Whose certificate it is, which decides the layers: each server's own, one all servers share, the CA's; 'certmonger' is no layer at all,
 * as certmonger's dogtag-submit has it.
 */
export type CookieForm = 'certmonger' | 'own' | 'shared' | 'ca';

/** What we say when there is nothing to say: an empty cookie is none to certmonger. */
export const plainCookie = 'hsmonger';

/** The profile under which FreeIPA's helper enrols the CA itself, whatever the request's own is. */
const caProfile = 'caCACert';
/** The CA's cookie has three layers; and a certificate in it, at most three times escaped. */
const maxLayers = 4;
const maxLength = 64 * 1024;
const bare = /^state=(?:approve|check|retrieve)&requestId=[\w-]+$/u;
const printable = /^[ -~]{1,512}$/u;

/**
 * What a cookie says is under way for `profile`; undefined where nothing is: our plain cookie, one of another profile (the request was
 * changed, so it begins anew, as there), and everything that cannot be read, because a SUBMIT asked again loses nothing.
 */
export function readCookie(cookie: string | undefined, profile: string | undefined): Exclude<Progress, { state: 'retrieve' }> | undefined {
  if (cookie === undefined || cookie.length > maxLength) return undefined;
  if (bare.test(cookie)) return { state: 'request', pending: cookie };
  let inner = open(cookie, (named) => named === (profile ?? null));
  for (let layer = 1; inner !== undefined && layer < maxLayers; layer += 1) {
    const { state, rest } = /^(?<state>request|store|retrieve):(?<rest>.*)$/su.exec(inner)?.groups ?? {};
    if (state === undefined || rest === undefined) return printable.test(inner) ? { state: 'request', pending: inner } : undefined;
    if (state === 'retrieve') return undefined;
    // No PEM has a colon.
    if (state === 'store') return { state: 'store', certificate: rest.slice(0, rest.includes(':') ? rest.indexOf(':') : undefined) };
    inner = open(rest, (named) => named === caProfile || named === (profile ?? null));
  }
  return undefined;
}

/** What is inside one envelope; undefined for what is none, or not of a profile that fits. */
function open(text: string, fits: (profile: unknown) => boolean): string | undefined {
  try {
    const envelope = JSON.parse(text) as { readonly cookie?: unknown; readonly profile?: unknown } | null;
    return envelope !== null && fits(envelope.profile) && typeof envelope.cookie === 'string' ? envelope.cookie : undefined;
  } catch {
    return undefined;
  }
}

/** The cookie for what has been reached; `progress` undefined makes either helper begin anew. One line, ASCII. */
export function writeCookie(form: CookieForm, profile: string | undefined, progress: Progress | undefined): string {
  switch (form) {
    case 'certmonger':
      if (progress?.state === 'request') return bare.test(progress.pending) ? progress.pending : envelope(progress.pending, profile);
      return progress?.state === 'store' ? envelope(layer(progress, profile), profile) : plainCookie;
    case 'own':
      return progress?.state === 'request' ? envelope(progress.pending, profile) : anew;
    case 'shared':
      // An empty one inside is what FreeIPA's replicas wait with.
      return progress === undefined ? anew : envelope(progress.state === 'retrieve' ? '' : layer(progress, profile), profile);
    case 'ca':
      if (progress === undefined) return anew;
      return envelope(
        progress.state === 'retrieve' ? layer(progress, profile) : `request:${envelope(layer(progress, caProfile), caProfile)}`,
        profile,
      );
  }
}

function layer(progress: Progress, profile: string | undefined): string {
  switch (progress.state) {
    case 'request':
      return `request:${envelope(progress.pending, profile)}`;
    case 'store':
      // Inside is how often FreeIPA's helper has tried: it has nine times left, whoever tried before.
      return `store:${progress.certificate.trim()}:${envelope('1', profile)}`;
    case 'retrieve':
      return `retrieve:${envelope('', profile)}`;
  }
}

function envelope(cookie: string, profile: string | undefined): string {
  return `{"cookie": ${quoted(cookie)}, "profile": ${profile === undefined ? 'null' : quoted(profile)}}`;
}

/**
 * FreeIPA's helper takes a cookie of another profile for a request that has changed, and begins anew; it calls any other one it does not
 * know an error.
 */
const anew = envelope('', plainCookie);

/** As Python's json.dumps() writes a string. */
function quoted(text: string): string {
  // By UTF-16 unit, so without the flag that would take pairs for one.
  return JSON.stringify(text).replace(/[\u007f-\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
