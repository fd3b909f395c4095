import { HsmongerError } from '../../errors.js';
import { commonNameOf } from '../../x509/names/name.js';
import { assertSuccess, jsonOf, refusalOf } from './answers.js';
import type { Approval, Delivered, DogtagApi, RequestState, Wish } from './api.js';
import type { Connection, HttpAnswer, HttpRequest } from './connection.js';
import { letOutlive } from './outliving.js';
import { isSameRequest } from './ownership.js';
import { isRequestId } from './pending.js';
import { bytesOf, certificatesIn } from './pkcs7.js';
import { authority, certificateData, certificateInfos, requestInfo, requestInfos, review, type RequestInfo } from './shapes.js';
import { serverWords } from './words.js';

const bases = { v2: '/ca/v2', v1: '/ca/rest' } as const;
const json = 'application/json';
/** How many lost requests are looked at. */
const lostAtMost = 20;
/** The CA's clock may be behind. */
const clockSkewMs = 600_000;

/** The REST interface in JSON; v1 and v2 say the same in other places (P base/ca/.../rest/v1, rest/v2). */
export function createRestApi(connection: Connection, name: keyof typeof bases): DogtagApi {
  const base = bases[name];
  const get = (path: string, options: Partial<HttpRequest> = {}) =>
    connection.send({ method: 'GET', path: `${base}${path}`, accept: json, ...options });
  const post = (path: string, body: string, options: Partial<HttpRequest> = {}) =>
    connection.send({ method: 'POST', path: `${base}${path}`, accept: json, body: { type: json, text: body }, ...options });

  const submit = async (wish: Wish): Promise<RequestState> => {
    const path = `/certrequests${wish.issuerId === undefined ? '' : `?issuer-id=${encodeURIComponent(wish.issuerId)}`}`;
    const body = enrolmentBody(wish);
    let answer = await post(path, body);
    // A profile may want to know who asks; nothing was taken in.
    if (connection.hasAgent && wantsAuthentication(answer)) answer = await post(path, body, { asAgent: true });
    throwIfRefused(answer);
    const [entry] = jsonOf(answer, requestInfos).entries;
    if (entry === undefined)
      throw new HsmongerError(
        'CA_ANSWER_INVALID',
        `The CA took the request for profile ${wish.profile} in and names none in its answer; asked again by itself.`,
      );
    return stateOf(entry, answer.asked);
  };

  const approve = async (requestId: string, wish: Wish): Promise<Approval> => {
    const shown = await get(`/agent/certrequests/${requestId}`, { asAgent: true });
    if (shown.status === 403) return 'not allowed';
    const inputs = jsonOf(shown, review).Input.flatMap(({ Attribute }) => Attribute);
    if (!isSameRequest(inputs.find(({ name: input }) => input === 'cert_request')?.Value, wish.csr)) return 'not ours';
    // Byte for byte what the review gave: its values are the profile's, its nonce goes with the session.
    const given = shown.body.toString('utf8');
    const answer = await post(`/agent/certrequests/${requestId}/approve`, wish.outlives === true ? letOutlive(given) : given, {
      asAgent: true,
      ...(shown.cookie === undefined ? {} : { cookie: shown.cookie }),
    });
    if (answer.status === 403) return 'not allowed';
    // Somebody was quicker: what became of it is asked next.
    if (/not in pending state/iu.test(refusalOf(answer)?.words ?? '')) return 'approved';
    assertSuccess(answer);
    return 'approved';
  };

  const certificate = async (serial: string) => {
    const answer = await get(`/certs/${serial}`);
    return isMissing(answer, 'CertNotFoundException') ? undefined : { ...jsonOf(answer, certificateData), asked: answer.asked };
  };

  const fetch = async ({ id, serial }: RequestState): Promise<Delivered> => {
    const found = serial === undefined ? undefined : await certificate(serial);
    const der = found === undefined ? undefined : bytesOf(found.Encoded);
    if (found === undefined || der === undefined)
      throw new HsmongerError(
        'CA_ANSWER_INVALID',
        `The CA calls request ${id} complete and does not give its certificate; look at the CA's log.`,
      );
    return { certificate: der, chain: chainIn(found.PKCS7CertChain) };
  };

  return {
    name,
    submit,
    check: async (requestId) => {
      const answer = await get(`/certrequests/${requestId}`);
      // 400: no number of this CA's.
      return isMissing(answer, 'RequestNotFoundException') || answer.status === 400
        ? undefined
        : stateOf(jsonOf(answer, requestInfo), answer.asked);
    },
    approve,
    fetch,
    isRevoked: async (serial) => {
      const found = await certificate(`0x${serial}`);
      return found === undefined ? undefined : /REVOKED/iu.test(found.Status ?? '');
    },
    findLost: async (wish, since) => {
      const search = {
        subjectInUse: true,
        commonName: commonNameOf(wish.csr.subject),
        matchExactly: true,
        issuedOnInUse: true,
        issuedOnFrom: String(since.getTime() - clockSkewMs),
      };
      const issued = jsonOf(await post(`/certs/search?size=${String(lostAtMost)}`, JSON.stringify(search)), certificateInfos).entries.map(
        ({ id }): RequestState => ({ id: 'unknown', status: 'complete', serial: serialOf(id) }),
      );
      if (!connection.hasAgent) return issued.reverse();
      const listed = await get(`/agent/certrequests?requestState=pending&requestType=enrollment&maxResults=100&pageSize=100`, {
        asAgent: true,
      });
      const waiting = listed.status === 403 ? [] : jsonOf(listed, requestInfos).entries.map((entry) => stateOf(entry, listed.asked));
      return [...issued.reverse(), ...waiting.reverse().slice(0, lostAtMost)];
    },
    renewAuthority: async (id) => {
      // Unlike an agent's other work this wants a session that has logged in: without one, 403 'No user principal provided'.
      const { cookie } = await get('/account/login', { asAgent: true });
      const answer = await post(`/authorities/${encodeURIComponent(id)}/renew`, '', {
        asAgent: true,
        ...(cookie === undefined ? {} : { cookie }),
      });
      if (answer.status === 404) return 'not there';
      assertSuccess(answer);
      return 'renewed';
    },
    authority: async (id) => {
      const answer = await get(`/authorities/${encodeURIComponent(id)}`);
      if (answer.status === 404) return undefined;
      const { parentID } = jsonOf(answer, authority);
      const pem = await get(`/authorities/${encodeURIComponent(id)}/cert`, { accept: 'application/x-pem-file' });
      if (pem.status === 404)
        throw new HsmongerError(
          'CA_ANSWER_INVALID',
          `The CA has lightweight CA ${id}, which is not ready there: its certificate and key are not in that server's database (yet); asked again by itself.`,
        );
      const chain = await get(`/authorities/${encodeURIComponent(id)}/chain`, { accept: 'application/x-pem-file' });
      [pem, chain].forEach(assertSuccess);
      const der = bytesOf(pem.body.toString('latin1'));
      if (der === undefined)
        throw new HsmongerError(
          'CA_ANSWER_INVALID',
          `The CA's answer to ${pem.asked} is no certificate in PEM; is another program behind issuer.url?`,
        );
      return {
        certificate: der,
        chain: chainIn(chain.body.toString('latin1')),
        ...(typeof parentID === 'string' ? { parent: parentID } : {}),
      };
    },
  };
}

/** CertEnrollmentRequest. An input the profile does not have is not looked at. */
function enrolmentBody({ csr, profile }: Wish): string {
  return JSON.stringify({
    ProfileID: profile,
    Renewal: false,
    Input: [
      {
        id: 'i1',
        ClassID: 'certReqInputImpl',
        Name: 'Certificate Request Input',
        Attribute: [
          { name: 'cert_request_type', Value: 'pkcs10' },
          { name: 'cert_request', Value: Buffer.from(csr.der).toString('base64') },
        ],
      },
      {
        id: 'i2',
        ClassID: 'submitterInfoInputImpl',
        Name: 'Requestor Information',
        Attribute: [{ name: 'requestor_name', Value: 'hsmonger' }],
      },
    ],
    Output: [],
    Attributes: { Attribute: [] },
  });
}

/** v1 answers a profile's own authentication with 500 (CertRequestService.java, EBaseException). */
function wantsAuthentication(answer: HttpAnswer): boolean {
  return answer.status === 401 || /failed authentication|authentication failed|authorization failed/iu.test(refusalOf(answer)?.words ?? '');
}

/** What v1 calls an internal error though asking again cannot help: 'Invalid Request' is a CSR it cannot read. */
function throwIfRefused(answer: HttpAnswer): void {
  const words = refusalOf(answer)?.words ?? '';
  if (answer.status === 500 && /failed authentication|authorization failed|invalid request/iu.test(words))
    throw new HsmongerError('CA_REFUSED', `The CA refused the request: ${words}.`);
  if (answer.status === 400 && /not found/iu.test(words) && /profile/iu.test(words))
    throw new HsmongerError('PROFILE_UNKNOWN', `The CA refused the request: ${words}; its profiles are listed by 'pki ca-profile-find'.`);
}

/** Dogtag's own 404: the address is right, the thing is not there. */
function isMissing(answer: HttpAnswer, className: string): boolean {
  return answer.status === 404 && refusalOf(answer)?.className.endsWith(className) === true;
}

function stateOf(info: RequestInfo, asked: string): RequestState {
  const id = info.requestID ?? lastOf(info.requestURL);
  if (id === undefined || !isRequestId(id))
    throw new HsmongerError('CA_ANSWER_INVALID', `The CA's answer to ${asked} names no request; is another program behind issuer.url?`);
  switch (info.requestStatus) {
    case 'complete':
      return { id, status: 'complete', serial: serialOf(info.certId ?? `0x${BigInt(lastOf(info.certURL) ?? '0').toString(16)}`) };
    case 'rejected':
    case 'canceled':
      return { id, status: 'refused', words: serverWords(info.errorMessage ?? info.requestStatus) };
    default:
      // begin, pending, approved, svc_pending (RequestStatus.java).
      return { id, status: 'pending' };
  }
}

/** What goes into a path is a number and nothing else. */
function serialOf(text: string): string {
  if (!/^(?:0x[0-9a-fA-F]{1,64}|[0-9]{1,80})$/u.test(text))
    throw new HsmongerError(
      'CA_ANSWER_INVALID',
      `The CA names a certificate '${serverWords(text)}', which is no serial number; is another program behind issuer.url?`,
    );
  return text;
}

function lastOf(url: string | null | undefined): string | undefined {
  const last = /\/(0x[0-9a-fA-F]+|[0-9]+)$/u.exec(url ?? '');
  return last?.[1];
}

function chainIn(pkcs7: string | null | undefined): Uint8Array[] {
  const der = typeof pkcs7 === 'string' ? bytesOf(pkcs7) : undefined;
  return der === undefined ? [] : certificatesIn(der);
}
