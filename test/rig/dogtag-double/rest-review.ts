import { text } from 'node:stream/consumers';
import { pem } from '../../x509/material.js';
import { json, Refusal } from './answers.js';
import type { RestAsked, World } from './asked.js';
import type { DoubleRequest } from './double.js';
import { onlyAgents, requestInfo } from './rest-requests.js';

/** What a review shows and must come back as it is. */
const kept = { name: 'kept as it is', notAfter: '2046-11-25 20:15:24' };

/** What an agent does: the list of what waits, a review, its approval; false where it is none of these. */
export async function answerReview(world: World, asked: RestAsked): Promise<boolean> {
  const { queue } = world;
  const { version, route, request, response } = asked;
  if (route.startsWith('/agent/certrequests?')) {
    if (!onlyAgents(asked)) return true;
    json(response, {
      total: queue.requests.size,
      entries: [...queue.requests.values()].filter(({ status }) => status === 'pending').map((one) => requestInfo(world, version, one)),
    });
    return true;
  }
  const [, id, approve] = /^\/agent\/certrequests\/(\w+)(\/approve)?$/u.exec(route) ?? [];
  if (id === undefined || (approve !== undefined && request.method !== 'POST')) return false;
  if (!onlyAgents(asked)) return true;
  if (approve !== undefined) await approved(world, asked, Number(id));
  else review(world, asked, queue.found(Number(id)));
  return true;
}

function review({ sessions, options: { nonces = true } }: World, { response }: RestAsked, one: DoubleRequest): void {
  const nonce = sessions.review(response, one.id);
  json(response, {
    requestId: String(one.id),
    requestStatus: one.status,
    ProfileID: one.profile,
    Renewal: false,
    ...(nonces ? { nonce } : {}),
    Input: [
      {
        id: null,
        ClassID: 'CertReqInput',
        Name: 'Certificate Request Input',
        Attribute: [
          { name: 'cert_request_type', Value: 'pkcs10', Descriptor: null },
          { name: 'cert_request', Value: pem(one.csr, 'CERTIFICATE REQUEST'), Descriptor: null },
        ],
      },
    ],
    ProfilePolicySet: [
      {
        policies: [
          { id: null, def: { id: 'Subject Name Default', policyAttribute: [{ name: 'name', Value: kept.name }] } },
          {
            id: null,
            def: {
              id: 'CA Certificate Validity Default',
              policyAttribute: [
                { name: 'notAfter', Value: kept.notAfter },
                { name: 'bypassCAnotafter', Value: 'false', Descriptor: { Syntax: 'boolean', Constraint: null } },
              ],
            },
          },
        ],
      },
    ],
  });
}

async function approved(
  { queue, sessions, options: { nonces = true } }: World,
  { request, response }: RestAsked,
  id: number,
): Promise<void> {
  const body = JSON.parse(await text(request)) as {
    nonce?: string;
    requestId: string;
    ProfilePolicySet?: { policies: { def: { policyAttribute: { name: string; Value: string }[] } }[] }[];
  };
  const one = queue.found(id);
  if (nonces && (body.nonce === undefined || sessions.nonceOf(request, one.id) !== body.nonce))
    throw new Refusal(400, 'base.BadRequestException', 'Missing nonce');
  if (body.requestId !== String(one.id) || body.ProfilePolicySet?.length !== 1)
    throw new Refusal(400, 'base.BadRequestException', 'Bad request data: the review did not come back whole');
  const values = new Map(
    body.ProfilePolicySet.flatMap(({ policies }) =>
      policies.flatMap(({ def }) => def.policyAttribute.map(({ name, Value }) => [name, Value] as const)),
    ),
  );
  if (values.get('name') !== kept.name || values.get('notAfter') !== kept.notAfter)
    throw new Refusal(400, 'base.BadRequestException', 'Bad request data: another value came back');
  one.outlives = values.get('bypassCAnotafter');
  if (one.status !== 'pending') throw new Refusal(400, 'base.BadRequestException', 'Bad request data: Request Not In Pending State');
  if (one.profile === 'caConstrained') {
    one.status = 'rejected';
    throw new Refusal(400, 'base.BadRequestException', 'Profile caConstrained - Rejected: Validity Out of Range 720');
  }
  await queue.complete(one);
  response.writeHead(204).end();
}
