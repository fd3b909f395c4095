/** Whether a text is meant as a PKCS#11 URI (RFC 7512); a scheme's letters may be of either case (RFC 3986 §3.1). */
export function isUri(text: string | undefined): text is `pkcs11:${string}` {
  return text !== undefined && /^pkcs11:/iu.test(text);
}
