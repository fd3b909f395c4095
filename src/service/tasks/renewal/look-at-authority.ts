import { HsmongerError } from '../../../errors.js';
import { readCaFile } from '../../../issuer/dogtag/ca-file.js';
import { createConnection } from '../../../issuer/dogtag/connection.js';
import type { ServiceContext } from '../../context.js';

/** Dogtag's word on itself, for everybody. */
const statusPath = '/ca/admin/ca/getStatus';
const timeoutMs = 15_000;

/**
 * Whether the CA behind the network answers, and what time it has there; shows no agent's certificate. CA_UNREACHABLE and the like
 * otherwise.
 */
export async function lookAtAuthority({ instance: { issuer, file } }: ServiceContext): Promise<{ readonly date?: Date }> {
  if (issuer.type !== 'dogtag') throw new HsmongerError('CONFIG_INVALID', `${file} names no CA behind the network.`);
  const connection = createConnection({ url: issuer.url, ca: readCaFile(issuer.caFile).pem, timeoutMs });
  try {
    const { status, date } = await connection.send({ method: 'GET', path: statusPath, accept: 'application/xml, application/json' });
    if (status >= 500)
      throw new HsmongerError(
        'CA_UNREACHABLE',
        `The server at ${issuer.url} answers, and its CA does not (HTTP status ${String(status)}).`,
      );
    return date === undefined ? {} : { date };
  } finally {
    connection.close();
  }
}
