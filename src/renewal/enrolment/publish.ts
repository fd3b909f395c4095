import { chooseShared, type Judge } from '../../directory/shared-certificates.js';
import { HsmongerError, sentenceOf } from '../../errors.js';
import type { SharedStore } from '../../issuer/directory/shared-store.js';
import { takeShared, type Taker } from '../../issuer/directory/take-shared.js';
import type { Issued } from '../../issuer/issuer.js';
import { equalBytes } from '../../x509/der.js';
import { parseCertificate } from '../../x509/parse-certificate.js';

/**
 * Publishes what was issued and looks whether the others would take it. Gives what this server is to have as well: the same, or the later
 * one that was there already. NOT_PUBLISHED when what is there is neither.
 */
export async function publishIssued(store: SharedStore, nickname: string, issued: Issued, taker: Taker): Promise<Issued> {
  const certificate = parseCertificate(issued.certificate, 'The certificate to be published');
  const judge: Judge = {
    now: taker.now,
    spki: taker.csr.spki,
    authorities: [...[...issued.chain, ...issued.roots].map((der) => parseCertificate(der)), ...(await store.authorities())],
  };
  if ((await store.publish(nickname, certificate, judge)) === 'newer there') {
    const newer = await takeShared(store, nickname, taker);
    if (!('absent' in newer)) return newer;
    throw new HsmongerError(
      'NOT_PUBLISHED',
      `The certificate issued for '${nickname}' is not published: a later one is there, which nobody takes: ${newer.absent}; remove that value, this one is kept and published again.`,
    );
  }
  const chosen = chooseShared(await store.read(nickname), judge);
  if (chosen !== undefined && equalBytes(chosen.der, certificate.der)) {
    await tidied(store, nickname, judge);
    return issued;
  }
  throw new HsmongerError(
    'NOT_PUBLISHED',
    `The certificate issued for '${nickname}' was published, but the directory does not give it back; it is kept and published again.`,
  );
}

/** What two servers published while they did not hear each other; every reader chooses the same one, so this is no reason to fail. */
async function tidied(store: SharedStore, nickname: string, judge: Judge): Promise<void> {
  try {
    await store.tidy(nickname, judge);
  } catch (error) {
    if (!(error instanceof HsmongerError)) throw error;
    process.stderr.write(`hsmonger-submit: What else is published under '${nickname}' could not be removed: ${sentenceOf(error)}\n`);
  }
}
