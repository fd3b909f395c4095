import { HsmongerError, sentenceOf } from '../../errors.js';

/** Thrown by the connection's own timers. */
export class TimedOut extends Error {}

/** No connection in time, so nothing was asked. Tomcat's port is open some ten seconds before anything answers there. */
export class NotConnected extends TimedOut {}

/** The other side hung up, or wrote what is no HTTP, before its answer was whole. */
export class CutShort extends Error {}

/** The CA's server is down, or up without its CA: what a restart looks like, and over within a minute where it is one. */
export class StillStarting extends HsmongerError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('CA_UNREACHABLE', message, options);
  }
}

const certificateTrouble: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate, or one above it, has expired',
  CERT_NOT_YET_VALID: 'its certificate, or one above it, is not valid yet: look at the clocks',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate signs itself and is not in issuer.ca-file',
  SELF_SIGNED_CERT_IN_CHAIN: 'the root above its certificate is not in issuer.ca-file',
  UNABLE_TO_GET_ISSUER_CERT: 'issuer.ca-file does not have the CA of its certificate',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'issuer.ca-file does not have the CA of its certificate',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'issuer.ca-file does not have the CA of its certificate',
  CERT_SIGNATURE_FAILURE: 'its certificate was not signed by the CA in issuer.ca-file',
  CERT_REVOKED: 'its certificate is revoked',
  INVALID_CA: 'a certificate above its own is no CA certificate',
  INVALID_PURPOSE: 'its certificate is not for servers',
};

const networkTrouble: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'it closed the connection before it answered',
  EPIPE: 'it closed the connection before it answered',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'its name could not be looked up',
  EHOSTUNREACH: 'there is no way to the host',
  ENETUNREACH: 'there is no way to its network',
  ETIMEDOUT: 'it did not answer',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS',
};

/** TLS alerts (RFC 8446 §6.2) by which a server turns down what the client showed it. */
const agentAlert =
  /ALERT_(?:BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_(?:REVOKED|EXPIRED|UNKNOWN|REQUIRED)|UNKNOWN_CA|ACCESS_DENIED)/u;

/** Why there was no answer at all. `where` is the origin that was asked, `asAgent` whether the agent's certificate was shown. */
export function connectionTrouble(error: unknown, where: string, asAgent: boolean): HsmongerError {
  if (error instanceof HsmongerError) return error;
  const failed = (code: 'CA_UNREACHABLE' | 'CA_ANSWER_INVALID' | 'AGENT_REFUSED', message: string) =>
    new HsmongerError(code, message, { cause: error });
  if (error instanceof TimedOut) {
    const message = `The CA at ${where} ${error.message}; is it starting or overloaded, or is a firewall in between?`;
    return error instanceof NotConnected ? new StillStarting(message, { cause: error }) : failed('CA_UNREACHABLE', message);
  }
  if (error instanceof CutShort)
    return failed('CA_ANSWER_INVALID', `The answer of the CA at ${where} ${error.message}; look at its log and at what stands in between.`);
  const code = codeOf(error);
  if (agentAlert.test(code)) {
    return asAgent
      ? failed(
          'AGENT_REFUSED',
          `The CA at ${where} does not take the agent's certificate (${alertName(code)}); has it expired, and is it from that CA?`,
        )
      : failed(
          'AGENT_REFUSED',
          `The CA at ${where} wants a client certificate (${alertName(code)}); name an agent with issuer.agent-certificate and issuer.agent-key.`,
        );
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return failed(
      'CA_UNREACHABLE',
      `The server at ${where} is not trusted: its certificate is for another host; correct issuer.url, or have its certificate issued for that name.`,
    );
  const distrust = certificateTrouble[code];
  if (distrust !== undefined) return failed('CA_UNREACHABLE', `The server at ${where} is not trusted: ${distrust}.`);
  if (code.startsWith('HPE_')) return failed('CA_ANSWER_INVALID', `What answers at ${where} does not speak HTTP; correct issuer.url.`);
  const why = networkTrouble[code] ?? (code.startsWith('ERR_SSL_') ? `TLS failed (${alertName(code)})` : sentenceOf(error));
  const message = `No connection to the CA at ${where}: ${why}; is it running, and is issuer.url right?`;
  return code === 'ECONNREFUSED' ? new StillStarting(message, { cause: error }) : failed('CA_UNREACHABLE', message);
}

/** An error of several addresses tried in turn carries the code of each. */
function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  if (typeof code !== 'string') return '';
  // A failed write has OpenSSL's reason in its text alone, in the words that make node's code elsewhere.
  const reason = code === 'EPROTO' && error instanceof Error ? /SSL routines:[^:]*:([a-z0-9 ]+)/u.exec(error.message)?.[1] : undefined;
  return reason === undefined ? code : `ERR_SSL_${reason.toUpperCase().replaceAll(' ', '_')}`;
}

function alertName(code: string): string {
  return code
    .replace(/^ERR_SSL_(?:TLSV1[23]?_|SSLV3_)?/u, '')
    .toLowerCase()
    .replaceAll('_', ' ');
}
