import type { CertificateConfig } from '../../../config/instance.js';
import { HsmongerError } from '../../../errors.js';
import { run } from '../../../platform/run.js';
import { configured, withInternal, type SavingContext } from '../../../renewal/saving-context.js';
import { importWithTrust } from '../../../renewal/steps/trust.js';
import type { Certificate } from '../../../x509/certificate.js';
import type { ServiceContext } from '../../context.js';
import { presentOnToken } from '../token/present-certificate.js';

/** Gives a certificate of the instance the trust its profile asks for, as post-save does. */
export async function setTrust(context: ServiceContext, { nickname }: { readonly nickname: string }): Promise<void> {
  const saving: SavingContext = { ...context, run };
  const config = configured(saving, nickname);
  await importWithTrust(saving, config, await present(context, saving, config));
}

async function present(context: ServiceContext, saving: SavingContext, { nickname, storage }: CertificateConfig): Promise<Certificate> {
  switch (storage.kind) {
    case 'token':
      return (await presentOnToken(await context.openToken({ on: storage.on }), nickname)).certificate;
    case 'internal':
      return withInternal(saving, 'read', async (internal) => (await presentOnToken(internal, nickname)).certificate);
    case 'file':
      throw new HsmongerError(
        'CONFIG_INVALID',
        `The certificate '${nickname}' is kept in a file, and trust is given in an NSS database only; there is nothing to set for it.`,
      );
  }
}
