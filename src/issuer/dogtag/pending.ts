/** Where a request stands, as certmonger's dogtag-submit keeps it in its cookie (dogtag.c). */
export interface PendingRequest {
  readonly state: 'approve' | 'check' | 'retrieve';
  /** The CA's number. */
  readonly requestId: string;
}

/** Numbers up to PKI 10.x, hexadecimal since; what goes into a path must be nothing else. */
const requestId = /^(?:[0-9]{1,50}|0x[0-9a-fA-F]{1,40})$/u;

export function isRequestId(text: string): boolean {
  return requestId.test(text);
}

export function pendingText({ state, requestId: id }: PendingRequest): string {
  return `state=${state}&requestId=${id}`;
}

/** Undefined for what neither we nor dogtag-submit wrote. */
export function parsePending(text: string): PendingRequest | undefined {
  const fields = new Map(
    text
      .trim()
      .split('&')
      .map((field) => {
        const [name = '', ...value] = field.split('=');
        return [name, value.join('=')];
      }),
  );
  const state = fields.get('state');
  const id = fields.get('requestId');
  if ((state !== 'approve' && state !== 'check' && state !== 'retrieve') || id === undefined || !isRequestId(id)) return undefined;
  return { state, requestId: id };
}
