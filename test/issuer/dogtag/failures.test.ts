import { connect, createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { readAgent } from '../../../src/issuer/dogtag/agent.js';
import type { ErrorCode } from '../../../src/errors.js';
import { privateDirectory } from '../../rig/directory.js';
import type { DogtagDouble, DoubleOptions } from '../../rig/dogtag-double.js';
import { html, send } from '../../rig/dogtag-double/answers.js';
import { makeRequest, makeSite, type IssuerOptions, type Site } from './site.js';

let site: Site | undefined;
const use = async (options?: DoubleOptions) => (site = await makeSite(options));
let plain: Server | undefined;
afterEach(async () => {
  await site?.close();
  site = undefined;
  plain?.close();
  plain = undefined;
});

const failure = (code: ErrorCode, sentence: RegExp) => ({ code, message: expect.stringMatching(sentence) as string });

/** One sentence: one line that ends with a full stop, bounded. */
async function failureOf(issuer: ReturnType<Site['issuer']>, profile = 'caServerCert'): Promise<Error> {
  const error = await issuer.enrol(await makeRequest(profile)).then(
    () => new Error('It succeeded.'),
    (caught: unknown) => caught as Error,
  );
  expect(error.message).toMatch(/^[^\n\p{Cc}]{10,700}[.?]$/u);
  return error;
}

/** Answers the given path; the double answers the rest. */
const at =
  (pattern: RegExp, answer: (response: ServerResponse, request: IncomingMessage) => void) =>
  (request: IncomingMessage, response: ServerResponse) => {
    if (!pattern.test(request.url ?? '')) return false;
    answer(response, request);
    return true;
  };

describe('a connection that fails', () => {
  it.each<[string, DoubleOptions, IssuerOptions, ErrorCode, RegExp]>([
    [
      'to a closed port',
      {},
      { url: 'https://localhost:1' },
      'CA_UNREACHABLE',
      /^No connection to the CA at https:\/\/localhost:1: nothing listens there/u,
    ],
    [
      'for want of the host',
      {},
      // A third is for connecting, and a resolver that loses what it is sent takes 20 s (resolv.conf(5), timeout and attempts).
      { url: 'https://nowhere.invalid:8443', timeoutMs: 120_000 },
      'CA_UNREACHABLE',
      /nowhere\.invalid:8443: (?:there is no such host|its name could not be looked up)/u,
    ],
    [
      'as the server is called otherwise',
      { serverName: 'other.double.test' },
      {},
      'CA_UNREACHABLE',
      /is not trusted: its certificate is for another host/u,
    ],
    [
      "as the server's certificate has expired",
      { serverExpired: true },
      {},
      'CA_UNREACHABLE',
      /is not trusted: its certificate, or one above it, has expired/u,
    ],
    [
      'as the server wants a client certificate',
      { clientCertificateRequired: true },
      { agent: 'none' },
      'AGENT_REFUSED',
      /wants a client certificate \(.*\); name an agent/u,
    ],
  ])(
    '%s',
    async (_what, options, issuerOptions, code, sentence) => {
      const { issuer } = await use(options);
      expect(await failureOf(issuer(issuerOptions))).toMatchObject(failure(code, sentence));
    },
    90_000,
  );

  it('as issuer.ca-file is of another CA', async () => {
    const { issuer, double } = await use();
    expect(await failureOf(issuer({ caFile: double.wrongAgents.stranger.certificate }))).toMatchObject(
      failure(
        'CA_UNREACHABLE',
        /is not trusted: (?:issuer\.ca-file does not have the CA of its certificate|the root above its certificate is not in issuer\.ca-file)\.$/u,
      ),
    );
  });

  it.each<[string, (write: (text: string) => void) => void, ErrorCode, RegExp, IssuerOptions?]>([
    ['speaks plain HTTP', (write) => write('HTTP/1.1 200 OK\r\n\r\n'), 'CA_UNREACHABLE', /it does not speak TLS/u],
    ['says nothing', () => undefined, 'CA_UNREACHABLE', /could not be connected to within 1 seconds/u, { timeoutMs: 900 }],
  ])('as what listens there %s', async (_what, talk, code, sentence, options) => {
    const { issuer } = await use();
    const server = (plain = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => talk((text) => socket.end(text)));
    }));
    await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
    expect(
      await failureOf(issuer({ url: `https://localhost:${String((server.address() as AddressInfo).port)}`, ...options })),
    ).toMatchObject(failure(code, sentence));
  });
});

describe('an answer that is not the answer', () => {
  const info = /\/v2\/info$/u;
  const submit = /\/v2\/certrequests$/u;
  const certs = /\/v2\/certs\//u;
  it.each<[string, RegExp, (response: ServerResponse) => void, ErrorCode, RegExp, IssuerOptions?]>([
    [
      'a redirect',
      info,
      (response) => {
        response.setHeader('location', 'https://elsewhere.test/\u00e9?a b');
        response.writeHead(302).end();
      },
      'CA_ANSWER_INVALID',
      /redirects GET https:\/\/localhost:\d+\/ca\/v2\/info to https:\/\/elsewhere\.test\/.*which is not followed/u,
    ],
    ['an error page with 200', info, (response) => html(response, 200), 'CA_ANSWER_INVALID', /with text\/html instead of JSON/u],
    ['JSON called text', info, (response) => send(response, 'text/plain', '{}'), 'CA_ANSWER_INVALID', /with text\/plain instead of JSON/u],
    ['nothing', submit, (response) => response.writeHead(200).end(), 'CA_ANSWER_INVALID', /with no media type instead of JSON/u],
    [
      'JSON that is none',
      submit,
      (response) => send(response, 'application/json', '{"entries": ['),
      'CA_ANSWER_INVALID',
      /is not what Dogtag answers \(no JSON\)/u,
    ],
    [
      'JSON of something else',
      submit,
      (response) => send(response, 'application/json', '{"entries": [{"requestStatus": 7}]}'),
      'CA_ANSWER_INVALID',
      /is not what Dogtag answers \(entries\.0\.requestStatus\)/u,
    ],
    [
      'no request',
      submit,
      (response) => send(response, 'application/json', '{"entries": []}'),
      'CA_ANSWER_INVALID',
      /names none in its answer/u,
    ],
    [
      'a request with a path for a number',
      submit,
      (response) => send(response, 'application/json', '{"entries": [{"requestID": "../../x", "requestStatus": "pending"}]}'),
      'CA_ANSWER_INVALID',
      /names no request/u,
    ],
    [
      'half an answer',
      certs,
      (response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
        response.write('{"Enc');
        setTimeout(() => response.socket?.destroy(), 50);
      },
      'CA_ANSWER_INVALID',
      /was cut short/u,
    ],
    [
      'no certificate',
      certs,
      (response) => send(response, 'application/json', '{"Encoded": "AAAA"}'),
      'CA_ANSWER_INVALID',
      /The certificate the CA delivered cannot be read/u,
    ],
    [
      'more than anyone reads',
      certs,
      (response) => send(response, 'application/json', ' '.repeat(5 * 1024 * 1024)),
      'CA_ANSWER_INVALID',
      /is larger than 4 MiB/u,
    ],
    ['none in time', certs, () => undefined, 'CA_UNREACHABLE', /gave no whole answer within 3 seconds/u, { timeoutMs: 3000 }],
    [
      'a byte now and then',
      certs,
      (response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        setInterval(() => response.write(' '), 50).unref();
      },
      'CA_UNREACHABLE',
      /gave no whole answer within 3 seconds/u,
      { timeoutMs: 3000 },
    ],
    ['a server error', submit, (response) => html(response, 500), 'CA_UNREACHABLE', /cannot serve POST .*and answered 500/u],
    ['a server that is busy', submit, (response) => html(response, 503), 'CA_UNREACHABLE', /answered 503/u],
    [
      "an error of the CA's own",
      submit,
      (response) => {
        response.statusCode = 500;
        send(
          response,
          'application/json',
          '{"ClassName": "com.netscape.certsrv.base.PKIException", "Code": 500, "Message": "Unable to create enrollment request: LDAP\\n is\\u0007 down."}',
        );
      },
      'CA_UNREACHABLE',
      /answered: Unable to create enrollment request: LDAP is down;/u,
    ],
    [
      'a request it cannot read',
      submit,
      (response) => {
        response.statusCode = 500;
        send(
          response,
          'application/json',
          '{"ClassName": "com.netscape.certsrv.base.PKIException", "Code": 500, "Message": "Unable to create enrollment request: Invalid Request"}',
        );
      },
      'CA_REFUSED',
      /refused the request: Unable to create enrollment request: Invalid Request\.$/u,
    ],
    [
      'words without end',
      submit,
      (response) => {
        response.statusCode = 400;
        send(
          response,
          'application/json',
          JSON.stringify({ ClassName: 'com.netscape.certsrv.base.BadRequestException', Message: 'x'.repeat(100_000) }),
        );
      },
      'CA_REFUSED',
      /x{300}…\.$/u,
    ],
    [
      'an agent it does not know',
      /\/agent\//u,
      (response) => html(response, 401),
      'AGENT_REFUSED',
      /does not accept the agent's certificate for GET .* and answered 401/u,
    ],
  ])('but %s', async (_what, pattern, answer, code, sentence, options) => {
    const { issuer, double } = await use();
    double.intercept = at(pattern, answer);
    expect(await failureOf(issuer(options))).toMatchObject(failure(code, sentence));
    // Whatever it was, it is over with the next question.
    double.intercept = undefined;
    expect(await issuer().enrol(await makeRequest())).toHaveProperty('certificate');
  });

  const doctype =
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><XMLResponse><Status>2</Status><RequestId>&e;</RequestId></XMLResponse>';
  it.each<[string, RegExp, string, ErrorCode, RegExp]>([
    ['with a DOCTYPE', /profileSubmit/u, doctype, 'CA_ANSWER_INVALID', /is not well-formed XML, or has a DOCTYPE/u],
    [
      'that ends in the middle',
      /profileSubmit/u,
      '<XMLResponse><Status>2</Status><RequestId>12',
      'CA_ANSWER_INVALID',
      /is not well-formed XML/u,
    ],
    ['nested without end', /profileSubmit/u, `${'<a>'.repeat(50)}${'</a>'.repeat(50)}`, 'CA_ANSWER_INVALID', /is not well-formed XML/u],
    ['of another program', /profileSubmit/u, '<rss/>', 'CA_ANSWER_INVALID', /names none in its answer/u],
    [
      'that reports an error',
      /profileSubmit/u,
      '<XMLResponse><Status>1</Status><Error>Invalid &lt;Request&gt;&#13;&#10;x</Error></XMLResponse>',
      'CA_REFUSED',
      /refused the request: Invalid <Request> x\.$/u,
    ],
    ['without a state', /checkRequest/u, '<xml><header/><fixed/></xml>', 'CA_ANSWER_INVALID', /does not tell how request 7 stands/u],
    [
      'with another error',
      /checkRequest/u,
      '<xml><header/><fixed><unexpectedError>Server Internal Error</unexpectedError></fixed></xml>',
      'CA_ANSWER_INVALID',
      /stands \(it says: Server Internal Error\)/u,
    ],
    [
      'without the certificate',
      /displayCertFromRequest/u,
      '<xml><records><record/></records></xml>',
      'CA_ANSWER_INVALID',
      /calls request 7 complete and does not give its certificate/u,
    ],
    [
      'of a review that knows no agent',
      /profileReview/u,
      '<xml><output><set><errorReason>Authentication Error</errorReason><errorCode>1</errorCode></set></output></xml>',
      'AGENT_REFUSED',
      /does not accept the agent's certificate and answered: Authentication Error/u,
    ],
    [
      'of an approval that was rejected',
      /profileProcess/u,
      '<xml><output><set><errorReason>Profile x - Rejected</errorReason><errorCode>3</errorCode></set></output></xml>',
      'CA_REFUSED',
      /refused the request: Profile x - Rejected\.$/u,
    ],
  ])('but XML %s', async (_what, pattern, xml, code, sentence) => {
    const { issuer, double } = await use({ interfaces: ['servlets'] });
    double.intercept = at(pattern, (response) => send(response, 'text/xml', xml));
    expect(await failureOf(issuer())).toMatchObject(failure(code, sentence));
  });
});

describe('a refusal of the CA', () => {
  it.each<[string, ErrorCode, RegExp]>([
    ['caNope', 'PROFILE_UNKNOWN', /refused the request: Bad request data: Profile caNope Not Found; its profiles are listed/u],
    ['caDisabled', 'CA_REFUSED', /Profile caDisabled not enabled/u],
    ['caRejected', 'CA_REFUSED', /refused request 0x7 for CN=host\.double\.test,O=DOUBLE: Request Key Type RSA Not Matched <b>\.$/u],
    ['caConstrained', 'CA_REFUSED', /answered: Profile caConstrained - Rejected: Validity Out of Range 720\.$/u],
    ['../x', 'PROFILE_UNKNOWN', /made of letters, digits/u],
  ])('of profile %s is handed on in its words', async (profile, code, sentence) => {
    const { issuer } = await use();
    expect(await failureOf(issuer(), profile)).toMatchObject(failure(code, sentence));
  });

  it("of an agent's certificate from another CA is told as that, once the request is in", async () => {
    const { issuer } = await use();
    expect(await failureOf(issuer({ agent: 'stranger' }))).toMatchObject(
      failure('AGENT_REFUSED', /does not accept the agent's certificate/u),
    );
  });
});

describe('a server whose CA is still starting', () => {
  it.each<[string, (request: IncomingMessage, response: ServerResponse) => boolean, RegExp]>([
    ['answers 404 to everything', at(/./u, (response) => html(response, 404)), /runs without its CA \(404 .*\): is it still starting/u],
    ['answers 503 to everything', at(/./u, (response) => html(response, 503)), /answered 503/u],
    [
      'says that it starts',
      at(/./u, (response, request) =>
        request.url === '/ca/admin/ca/getStatus'
          ? send(response, 'application/xml', '<XMLResponse><Status>starting</Status></XMLResponse>')
          : html(response, 404),
      ),
      /is not ready \(starting\)/u,
    ],
  ])('%s, and is asked again: no interface is believed to be missing', async (_what, intercept, sentence) => {
    const { issuer, double, ledger } = await use();
    double.intercept = intercept;
    expect(await failureOf(issuer())).toMatchObject(failure('CA_UNREACHABLE', sentence));
    expect(ledger.prepare('SELECT count(*) FROM interfaces').pluck().get()).toBe(0);
    double.intercept = undefined;
    await issuer().enrol(await makeRequest());
    expect(ledger.prepare('SELECT interface FROM interfaces').pluck().get()).toBe('v2');
  });

  it.each<[string, (double: DogtagDouble) => void]>([
    [
      'is up without its CA',
      (double) => {
        let asked = 0;
        double.intercept = at(/./u, (response) => {
          if (++asked >= 3) double.intercept = undefined;
          html(response, 404);
        });
      },
    ],
    [
      'goes down in the middle',
      (double) => {
        double.cut = () => {
          if (double.requests.size === 0) return false;
          double.cut = undefined;
          double.pause(1000);
          return true;
        };
      },
    ],
  ])(
    'that %s is waited for as long as there is time, and the request made once',
    async (_what, befall) => {
      const { issuer, double } = await use({ interfaces: ['v2'] });
      befall(double);
      const patient = issuer({ patienceMs: 20_000 });
      const request = await makeRequest();
      // The answer that was lost is told; certmonger's next call is the one that meets a closed port.
      const answer = await patient.enrol(request).catch(() => patient.enrol(request));
      expect(answer).toHaveProperty('certificate');
      expect(double.requests.size).toBe(1);
    },
    30_000,
  );

  it('that takes a connection and says nothing yet is asked again, as Tomcat is while it starts', async () => {
    const { issuer, double } = await use();
    let taken = 0;
    const server = (plain = createServer((socket) => {
      socket.on('error', () => undefined);
      if (++taken > 1) socket.pipe(connect(Number(new URL(double.url).port), 'localhost').on('error', () => undefined)).pipe(socket);
    }));
    await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
    const url = `https://localhost:${String((server.address() as AddressInfo).port)}`;
    expect(await issuer({ url, timeoutMs: 3000, patienceMs: 20_000 }).enrol(await makeRequest())).toHaveProperty('certificate');
    expect(taken).toBeGreaterThan(1);
  }, 30_000);

  it('is not waited for where the connection fails for another reason', async () => {
    const { issuer } = await use({ serverExpired: true });
    expect(await failureOf(issuer({ patienceMs: 600_000 }))).toMatchObject(failure('CA_UNREACHABLE', /has expired/u));
  });
});

describe("the agent's files", () => {
  it.each<[string, (directory: string, key: string) => string, RegExp]>([
    ['is not there', (directory) => path.join(directory, 'nothing'), /^The agent's key .*nothing cannot be read: ENOENT/u],
    [
      'is no key',
      (directory) => {
        writeFileSync(path.join(directory, 'bad.key'), 'secret words');
        return path.join(directory, 'bad.key');
      },
      /are not a certificate and an unencrypted private key in PEM/u,
    ],
    ["is another certificate's", (_directory, key) => key, /do not belong together/u],
  ])('are refused where the key %s', async (_what, keyOf, sentence) => {
    const { double } = await use();
    const directory = privateDirectory();
    const agent = { certificate: double.agent.certificate, key: keyOf(directory.path, double.wrongAgents.powerless.key) };
    expect(() => readAgent({ type: 'dogtag', certificate: 'x', url: double.url, caFile: double.caFile, agent })).toThrow(
      expect.objectContaining(failure('AGENT_REFUSED', sentence)) as Error,
    );
    directory.remove();
  });

  it('are not asked for where the instance has none', () => {
    expect(readAgent({ type: 'dogtag', certificate: 'x', url: 'https://x', caFile: '/x' })).toBeUndefined();
  });
});

describe('issuer.ca-file', () => {
  it('without a certificate trusts nobody, not the CAs of the world', async () => {
    const { issuer, double } = await use();
    expect(await failureOf(issuer({ caFile: double.agent.key }))).toMatchObject(
      failure('CONFIG_INVALID', /holds no certificate in PEM; without one no server is trusted/u),
    );
  });
});
