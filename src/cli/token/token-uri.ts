import path from 'node:path';
import { HsmongerError } from '../../errors.js';
import { formatUri, namingUri, tokenAttributes } from '../../pkcs11/uri.js';

/** What a URI on the command line says of a token. */
export interface TokenByUri {
  /** The token's own attributes alone; undefined where it names none. */
  readonly uri?: string;
  readonly module?: string;
  readonly pinFile?: string;
}

/** Splits a URI into token, module (`module-path`) and PIN file (`pin-source`). USAGE for a PIN source that is no file. */
export function tokenByUri(text: string): TokenByUri {
  const uri = namingUri(text);
  const { pinSource, modulePath } = uri;
  const named = tokenAttributes(uri);
  return {
    ...(Object.keys(named).length === 0 ? {} : { uri: formatUri(named) }),
    ...(modulePath === undefined ? {} : { module: absolute(modulePath, 'module-path') }),
    ...(pinSource === undefined ? {} : { pinFile: pinFileOf(pinSource) }),
  };
}

/** For a URI that tells no token from others. */
export function namesNoToken(text: string): HsmongerError {
  return new HsmongerError(
    'USAGE',
    `The URI '${text}' says nothing of a token; name one by token, serial, model, manufacturer or slot-id.`,
  );
}

/** RFC 7512 §2.4: a path or a file: URI, which may name this host (RFC 8089 §2); what begins with '|' is a command, which is run by nobody here. */
function pinFileOf(source: string): string {
  if (source.startsWith('|'))
    throw new HsmongerError('USAGE', `The URI's pin-source '${source}' is a command; hsmonger reads PINs from files alone.`);
  return absolute(source.replace(/^file:(?:\/\/(?:localhost)?(?=\/))?/iu, ''), 'pin-source');
}

function absolute(file: string, attribute: string): string {
  if (path.isAbsolute(file)) return file;
  throw new HsmongerError('USAGE', `The URI's ${attribute} '${file}' must be an absolute path.`);
}
