import { HsmongerError } from '../../errors.js';
import { xmlOf } from './answers.js';
import type { Approval, DogtagApi, RequestState, Wish } from './api.js';
import type { Connection, HttpRequest } from './connection.js';
import { outliving } from './outliving.js';
import { isSameRequest } from './ownership.js';
import { isRequestId } from './pending.js';
import { bytesOf, certificatesIn } from './pkcs7.js';
import { serverWords } from './words.js';
import { nodesAt, textAt, type XmlNode } from './xml.js';

const xml = 'application/xml, text/xml';
const form = 'application/x-www-form-urlencoded';

/** The servlets certmonger's dogtag-submit uses, in XML (P base/ca/.../cms/servlet/profile, .../request). */
export function createServletApi(connection: Connection): DogtagApi {
  const ask = async (path: string, fields: readonly (readonly [string, string])[], options: Partial<HttpRequest> = {}) => {
    const query = new URLSearchParams([...fields.map(([name, value]) => [name, value]), ['xml', 'true']]).toString();
    const request = options.method === 'POST' ? { path, body: { type: form, text: query } } : { path: `${path}?${query}` };
    const answer = await connection.send({ method: 'GET', accept: xml, ...request, ...options });
    return { tree: xmlOf(answer), ...(answer.cookie === undefined ? {} : { cookie: answer.cookie }) };
  };

  const submit = async ({ csr, profile }: Wish): Promise<RequestState> => {
    const fields = [
      ['profileId', profile],
      ['cert_request_type', 'pkcs10'],
      ['cert_request', Buffer.from(csr.der).toString('base64')],
      ['requestor_name', 'hsmonger'],
    ] as const;
    let { tree } = await ask('/ca/ee/ca/profileSubmit', fields, { method: 'POST' });
    // A profile may want to know who asks; nothing was taken in.
    if (connection.hasAgent && /authentication|authorization/iu.test(wordsOf(tree) ?? ''))
      ({ tree } = await ask('/ca/eeca/ca/profileSubmitSSLClient', fields, { method: 'POST', asAgent: true }));
    return submitted(tree);
  };

  const approve = async (requestId: string, { csr, outlives }: Wish): Promise<Approval> => {
    const { tree, cookie } = await ask('/ca/agent/ca/profileReview', [['requestId', requestId]], { asAgent: true });
    const refused = refusedAgent(tree);
    if (refused !== undefined) return refused;
    const inputs = nodesAt(tree, 'xml', 'output', 'set', 'inputList', 'list', 'inputList', 'set');
    const shown = inputs.find((input) => textAt(input, 'inputId') === 'cert_request');
    if (!isSameRequest(textAt(shown, 'inputVal'), csr)) return 'not ours';
    const nonce = textAt(tree, 'xml', 'output', 'set', 'nonce');
    const values = nodesAt(tree, 'xml', 'output', 'set', 'record', 'list', 'record', 'set', 'defList', 'list', 'defList', 'set').map(
      (set) => {
        const name = textAt(set, 'defId') ?? '';
        return [name, outlives === true && name === outliving.name ? outliving.value : (textAt(set, 'defVal') ?? '')] as const;
      },
    );
    const processed = await ask(
      '/ca/agent/ca/profileProcess',
      [
        ['op', 'approve'],
        ['requestId', requestId],
        ...(nonce === undefined ? [] : [['nonce', nonce] as const]),
        ...values.filter(([name]) => name !== ''),
      ],
      {
        method: 'POST',
        asAgent: true,
        ...(cookie === undefined ? {} : { cookie }),
      },
    );
    const words = wordsOf(processed.tree);
    if (words === undefined || /not in pending state/iu.test(words)) return 'approved';
    return refusedAgent(processed.tree) ?? refuse(words);
  };

  return {
    name: 'servlets',
    submit,
    check: async (requestId) => checked(requestId, (await ask('/ca/ee/ca/checkRequest', [['requestId', requestId]])).tree),
    approve,
    fetch: async ({ id }) => {
      const { tree } = await ask('/ca/ee/ca/displayCertFromRequest', [
        ['requestId', id],
        ['importCert', 'true'],
      ]);
      const [record] = nodesAt(tree, 'xml', 'records', 'record');
      const certificate = bytesOf(textAt(record, 'base64Cert') ?? '');
      if (certificate === undefined)
        throw new HsmongerError(
          'CA_ANSWER_INVALID',
          `The CA calls request ${id} complete and does not give its certificate${said(textAt(tree, 'xml', 'fixed', 'unexpectedError'))}; look at the CA's log.`,
        );
      return { certificate, chain: certificatesIn(bytesOf(textAt(record, 'pkcs7ChainBase64') ?? '') ?? new Uint8Array()) };
    },
    // These pages are for people: none says it in a place of its own.
    isRevoked: () => Promise.resolve(undefined),
    findLost: () => Promise.resolve([]),
    renewAuthority: () => Promise.resolve('not there'),
    authority: () => Promise.resolve(undefined),
  };
}

/** The main CA's chain, DER; every version of Dogtag has this page. */
export async function caChain(connection: Connection): Promise<readonly Uint8Array[]> {
  const tree = xmlOf(await connection.send({ method: 'GET', path: '/ca/ee/ca/getCertChain', accept: xml }));
  return certificatesIn(bytesOf(textAt(tree, 'XMLResponse', 'ChainBase64') ?? '') ?? new Uint8Array());
}

/** profileSubmit's two forms: its own, and the one made from the page's template. Status 0 issued, 1 error, 2 waits, 3 rejected. */
function submitted(tree: XmlNode): RequestState {
  const status = textAt(tree, 'XMLResponse', 'Status') ?? textAt(tree, 'xml', 'output', 'set', 'errorCode');
  const ids = [
    ['XMLResponse', 'RequestId'],
    ['XMLResponse', 'Requests', 'Request', 'Id'],
    ['xml', 'output', 'set', 'requestList', 'list', 'requestList', 'set', 'requestId'],
    ['xml', 'output', 'set', 'requestList', 'set', 'requestId'],
  ];
  const id = ids.map((path) => textAt(tree, ...path)?.trim()).find((found) => found !== undefined);
  const words = wordsOf(tree);
  if (status === '1' || status === '3') return refuse(words ?? 'it gave no reason');
  if ((status !== '0' && status !== '2') || id === undefined || !isRequestId(id))
    throw new HsmongerError(
      'CA_ANSWER_INVALID',
      `The CA took the request in and names none in its answer${said(words)}; asked again by itself.`,
    );
  return { id, status: status === '0' ? 'complete' : 'pending' };
}

function checked(id: string, tree: XmlNode): RequestState | undefined {
  const trouble = textAt(tree, 'xml', 'fixed', 'unexpectedError');
  if (trouble !== undefined) {
    if (/was not found/iu.test(trouble)) return undefined;
    throw new HsmongerError('CA_ANSWER_INVALID', `The CA does not tell how request ${id} stands${said(trouble)}; asked again by itself.`);
  }
  const status = textAt(tree, 'xml', 'header', 'status') ?? textAt(tree, 'xml', 'fixed', 'requestStatus');
  switch (status) {
    case 'complete':
      return { id, status: 'complete' };
    case 'rejected':
    case 'canceled':
      return { id, status: 'refused', words: status };
    case 'pending':
    case 'approved':
    case 'svc_pending':
    case 'begin':
      return { id, status: 'pending' };
    case undefined:
    default:
      throw new HsmongerError(
        'CA_ANSWER_INVALID',
        `The CA's answer does not tell how request ${id} stands; is another program behind issuer.url?`,
      );
  }
}

/** profileReview and profileProcess say it with 200. */
function refusedAgent(tree: XmlNode): 'not allowed' | undefined {
  const words = wordsOf(tree);
  if (words === undefined) return undefined;
  if (/authorization/iu.test(words)) return 'not allowed';
  if (/authentication/iu.test(words))
    throw new HsmongerError(
      'AGENT_REFUSED',
      `The CA does not accept the agent's certificate and answered: ${words}; is it in an agent's entry there, and the right one?`,
    );
  return refuse(words);
}

/** The words of an answer that reports a failure. */
function wordsOf(tree: XmlNode): string | undefined {
  const code = textAt(tree, 'xml', 'output', 'set', 'errorCode') ?? textAt(tree, 'XMLResponse', 'Status');
  if (code === '0' || code === '2' || code === undefined) return undefined;
  return serverWords(textAt(tree, 'xml', 'output', 'set', 'errorReason') ?? textAt(tree, 'XMLResponse', 'Error') ?? `error ${code}`);
}

function refuse(words: string): never {
  if (/profile/iu.test(words) && /not found/iu.test(words))
    throw new HsmongerError('PROFILE_UNKNOWN', `The CA refused the request: ${words}; its profiles are listed by 'pki ca-profile-find'.`);
  throw new HsmongerError('CA_REFUSED', `The CA refused the request: ${words}.`);
}

function said(words: string | undefined): string {
  return words === undefined ? '' : ` (it says: ${serverWords(words)})`;
}
