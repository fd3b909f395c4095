/** certmonger's words for Netscape's certificate type, in the order of its bits (certext.c). */
const words = ['client', 'server', 'email', 'objsign', 'reserved', 'sslca', 'emailca', 'objca'] as const;

/**
 * A word of none of them: certmonger then asks for no type. An empty text would too, but is forgotten when it is started again (0.79.17,
 * tried).
 */
export const noNetscapeType = 'none';

/**
 * Whether certmonger, asked for this type (template-ns-certtype), writes behind its copy of the text: it puts an end to the wrong string
 * (certext.c, cm_certext_build_ns_certtype: `p[len + 1]` for `bitstring[len + 1]`). For "server" and "email" that is the length of the next
 * block of the heap: the child that makes the certificate request is ended by malloc, and each next one, begun every 30 seconds from the
 * same heap, likewise. A part counts for the first word it begins (strncasecmp).
 */
export function writesBehind(type: string | undefined): boolean {
  return type !== undefined && type !== '' && type.split(',').some((part) => words.some((word) => word.startsWith(part.toLowerCase())));
}
