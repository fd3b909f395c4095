import * as v from 'valibot';

/** What hsmonger reads of Dogtag's JSON (com.netscape.certsrv); what else there is is let pass. */

const text = v.nullish(v.string());
/** Numbers up to 10.x, then hexadecimal text. */
const id = v.pipe(v.union([v.string(), v.number()]), v.transform(String));

/** CertRequestInfo. 10.10 gives no number but in the URL. */
export const requestInfo = v.object({
  requestID: v.nullish(id),
  requestURL: text,
  requestStatus: v.string(),
  certId: v.nullish(id),
  certURL: text,
  operationResult: text,
  errorMessage: text,
});
export type RequestInfo = v.InferOutput<typeof requestInfo>;

/** CertRequestInfos. */
export const requestInfos = v.object({ entries: v.array(requestInfo) });

/** CertReviewResponse. It is sent back as it came; only whose request it is is looked at. */
export const review = v.object({ Input: v.array(v.object({ Attribute: v.array(v.object({ name: v.string(), Value: text })) })) });

/** CertData. */
export const certificateData = v.object({ Encoded: v.string(), PKCS7CertChain: text, Status: text });

/** CertDataInfos. */
export const certificateInfos = v.object({ entries: v.array(v.object({ id })) });

/** PKIException. */
export const exception = v.object({ ClassName: v.string(), Message: v.nullish(v.string(), '') });

/** AuthorityData. */
export const authority = v.object({ id: v.string(), parentID: text });
