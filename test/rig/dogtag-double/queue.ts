import * as x509 from '@peculiar/x509';
import { caExtensions, day, keyUsage, leafConstraints, usage } from '../../x509/material.js';
import { Refusal } from './answers.js';
import type { Authority } from './authority.js';
import type { DoubleOptions, DoubleRequest } from './double.js';

/** Requests and what became of them, by the rules of profiles that are named for what they do. */
export interface Queue {
  readonly requests: Map<number, DoubleRequest>;
  /** Serial numbers, hex. */
  readonly revoked: Set<string>;
  /** `who`: of the client certificate, '' without one. */
  submit(der: Buffer, profile: string, who: string): Promise<DoubleRequest>;
  /** Issues. */
  complete(request: DoubleRequest): Promise<void>;
  /** Throws Dogtag's refusal where there is none. */
  found(id: number): DoubleRequest;
}

export function createQueue({ ca, issue }: Pick<Authority, 'ca' | 'issue'>, options: DoubleOptions): Queue {
  const { automatic = [], days = 720 } = options;
  const requests = new Map<number, DoubleRequest>();
  const revoked = new Set<string>();
  const complete = async (request: DoubleRequest) => {
    const csr = new x509.Pkcs10CertificateRequest(Uint8Array.from(request.csr));
    const isCa = request.profile === 'caCACert';
    const life = isCa
      ? {
          notAfter: new Date(
            Math.min(
              request.outlives === 'true' && options.cutsCa !== true ? Infinity : ca.certificate.notAfter.getTime(),
              Date.now() + days * day,
            ),
          ),
          extensions: caExtensions(),
        }
      : { extensions: [leafConstraints(), keyUsage(usage.digitalSignature)] };
    request.certificate = await issue(new Uint8Array(csr.publicKey.rawData), csr.subject, life);
    request.status = 'complete';
  };
  const submit = async (der: Buffer, profile: string, who: string) => {
    if (!/^ca[A-Za-z0-9]+$/u.test(profile) || profile === 'caNope')
      throw new Refusal(400, 'base.BadRequestException', `Bad request data: Profile ${profile} Not Found`);
    if (profile === 'caDisabled') throw new Refusal(400, 'base.BadRequestException', `Bad request data: Profile ${profile} not enabled`);
    if (profile === 'caAuthenticated' && who !== 'agent')
      throw new Refusal(500, 'base.PKIException', 'Unable to create enrollment request: Error: Failed Authentication');
    const request: DoubleRequest = { id: requests.size + 7, csr: der, profile, status: 'pending' };
    requests.set(request.id, request);
    if (profile === 'caRejected') Object.assign(request, { status: 'rejected', words: 'Request Key Type RSA Not Matched <b>\n\u0007' });
    else if (automatic.includes(profile) || profile === 'caAuthenticated') await complete(request);
    return request;
  };
  const found = (id: number) => {
    const request = requests.get(id);
    if (request === undefined) throw new Refusal(404, 'request.RequestNotFoundException', `Request ID 0x${id.toString(16)} not found`);
    return request;
  };
  return { requests, revoked, submit, complete, found };
}
