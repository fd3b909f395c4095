import * as v from 'valibot';
import { HsmongerError, type ErrorCode } from '../../errors.js';
import type { HttpAnswer } from './connection.js';
import { exception } from './shapes.js';
import { serverWords } from './words.js';
import { parseXml, textAt, type XmlNode } from './xml.js';

/** The server has no such address: it never had, or has lost, the interface that was asked. */
export class NoSuchInterface extends Error {}

/** What an answer of Dogtag's own says went wrong. */
export interface Refusal {
  /** The Java class: 'com.netscape.certsrv.base.BadRequestException'. */
  readonly className: string;
  /** One line. */
  readonly words: string;
}

/** A PKIException in JSON or XML; undefined when it was not Dogtag that spoke. */
export function refusalOf({ type, body }: HttpAnswer): Refusal | undefined {
  if (isJson(type)) {
    const parsed = v.safeParse(exception, parseJson(body));
    return parsed.success ? { className: parsed.output.ClassName, words: serverWords(parsed.output.Message) } : undefined;
  }
  if (!isXml(type)) return undefined;
  const tree = parseXml(body.toString('utf8'));
  const className = textAt(tree, 'PKIException', 'ClassName');
  return className === undefined ? undefined : { className, words: serverWords(textAt(tree, 'PKIException', 'Message') ?? '') };
}

/** The answer's JSON, as the schema has it; throws what failure() makes of any other. */
export function jsonOf<T>(answer: HttpAnswer, schema: v.GenericSchema<unknown, T>): T {
  assertSuccess(answer);
  if (!isJson(answer.type)) throw wrongType(answer, 'JSON');
  const parsed = v.safeParse(schema, parseJson(answer.body));
  if (parsed.success) return parsed.output;
  throw invalid(
    `The CA's answer to ${answer.asked} is not what Dogtag answers (${serverWords(v.getDotPath(parsed.issues[0]) ?? 'no JSON')}); is another program behind issuer.url?`,
  );
}

/** The answer's XML; throws what failure() makes of any other. */
export function xmlOf(answer: HttpAnswer): XmlNode {
  assertSuccess(answer);
  if (!isXml(answer.type)) throw wrongType(answer, 'XML');
  const tree = parseXml(answer.body.toString('utf8'));
  if (tree === undefined)
    throw invalid(`The CA's answer to ${answer.asked} is not well-formed XML, or has a DOCTYPE; is another program behind issuer.url?`);
  return tree;
}

export function assertSuccess(answer: HttpAnswer): void {
  if (answer.status < 200 || answer.status > 299) throw failure(answer);
}

/** What an answer that is none of 2xx means. */
function failure(answer: HttpAnswer): Error {
  const { status, asked, asAgent, location } = answer;
  const refusal = refusalOf(answer);
  const said = refusal === undefined || refusal.words === '' ? `answered ${String(status)}` : `answered: ${refusal.words}`;
  const failed = (code: ErrorCode, message: string) => new HsmongerError(code, message);
  if (status >= 300 && status < 400)
    return invalid(
      `The CA redirects ${asked}${location === undefined ? '' : ` to ${serverWords(location)}`}, which is not followed; set issuer.url to the CA's own address.`,
    );
  if (status === 401 || status === 403) {
    return failed(
      'AGENT_REFUSED',
      asAgent
        ? `The CA does not accept the agent's certificate for ${asked} and ${said}; is it in an agent's entry there, and the right one?`
        : `The CA wants an agent for ${asked} and ${said}; name one with issuer.agent-certificate and issuer.agent-key.`,
    );
  }
  if (status === 408 || status === 429 || status >= 500)
    return failed('CA_UNREACHABLE', `The CA cannot serve ${asked} now and ${said}; asked again by itself, its log says more.`);
  if (refusal !== undefined) return failed('CA_REFUSED', `The CA refused ${asked} and ${said}.`);
  if (status === 404) return new NoSuchInterface(`${asked} ${said}.`);
  return invalid(
    `The CA's server ${said} to ${asked} with ${answer.type === '' ? 'nothing' : answer.type}, not as Dogtag does; is another program behind issuer.url?`,
  );
}

function wrongType({ asked, type }: HttpAnswer, wanted: string): HsmongerError {
  return invalid(
    `The CA's server answered ${asked} with ${type === '' ? 'no media type' : serverWords(type)} instead of ${wanted}; is another program behind issuer.url?`,
  );
}

function invalid(message: string): HsmongerError {
  return new HsmongerError('CA_ANSWER_INVALID', message);
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

const isJson = (type: string) => type === 'application/json';
const isXml = (type: string) => type === 'application/xml' || type === 'text/xml';
