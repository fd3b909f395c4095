import type { Refusal, TokenEvidence } from '../preflight.js';

const maxBytes = 32; // CK_TOKEN_INFO.label, PKCS#11 2.40 §3.2

/**
 * certmonger knows tokens by label only: keyiread's answer is split at '/' (keyiread.c:126), certread asks for "token:nickname"
 * (certread-n.c:189), so a certificate on such a token has no expiry and is never renewed.
 */
export function tokenLabel({ token: { description } }: { readonly token: Pick<TokenEvidence['token'], 'description'> }): Refusal[] {
  const wrong = faultOf(description.label);
  return wrong === undefined
    ? []
    : [
        {
          check: 'token-label',
          problem: `The token's label '${description.label}' ${wrong}, and certmonger finds tokens by label only.`,
          fix: "Give the token a label of letters, digits, blanks, '.', '_' and '-' (most HSMs can rename one without losing its keys), and put it into the instance file.",
        },
      ];
}

function faultOf(label: string): string | undefined {
  if (label.trim() === '') return 'is empty';
  if (/[:/]/u.test(label)) return "holds ':' or '/'";
  if (/\p{Cc}/u.test(label)) return 'holds control characters';
  if (label.endsWith(' ')) return 'ends with a blank';
  if (Buffer.byteLength(label) > maxBytes) return `is longer than ${String(maxBytes)} bytes`;
  return undefined;
}
