import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import { appendFileSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as x509 from '@peculiar/x509';
import { startCertmonger, type Certmonger } from '../rig/certmonger.js';
import { startSite, type Site } from '../rig/site.js';

/** A site whose instance file names every request certmonger has: four certificates on the token, all others in files. */
export interface WatchedSite {
  readonly site: Site;
  readonly certmonger: Certmonger;
  stop(): Promise<void>;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 86_400_000;

/** Nothing is due. One request is made by `track apply`; the others are copies of its file, each with a certificate of its own. */
export async function watchedSite(count: number, say: (line: string) => void): Promise<WatchedSite> {
  const site = await startSite({ authority: { each: { daysLeft: 3000 } } });
  try {
    await site.setUp();
    const issue = await issuer(site);
    const onToken = site.authority.certificates.length;
    for (let index = onToken; index < count; index++) await issue(index, path.join(site.directory, `${nameOf(index)}.pem`));
    appendFileSync(site.instanceFile, tableOf(site.directory, onToken));
    const applied = await site.cli('track', 'apply');
    if (applied.exitCode !== 0) throw new Error(applied.stderr);
    await site.untilQuiet(60_000);
    await site.certmonger.stop();
    const requests = site.certmonger.requestsDirectory;
    const model = readdirSync(requests)
      .map((file) => readFileSync(path.join(requests, file), 'utf8'))
      .find((text) => text.includes(`id=hsmonger.${nameOf(onToken)}\n`));
    if (model === undefined) throw new Error('certmonger wrote no file for the request that is to be copied.');
    for (let index = onToken + 1; index < count; index++) {
      const pem = readFileSync(path.join(site.directory, `${nameOf(index)}.pem`), 'utf8');
      writeFileSync(path.join(requests, `copy-${String(index)}`), copyOf(model, onToken, index, pem), { mode: 0o600 });
      appendFileSync(site.instanceFile, tableOf(site.directory, index));
    }
    say(`starting certmonger with ${String(count)} requests`);
    const certmonger = await startCertmonger({ directory: site.directory, bus: site.bus, token: site.token, patience: 600 });
    return {
      site,
      certmonger,
      stop: async () => {
        await certmonger.stop();
        await site.stop();
      },
    };
  } catch (error) {
    await site.stop();
    throw error;
  }
}

function nameOf(index: number): string {
  return `server-${String(index).padStart(4, '0')}`;
}

function tableOf(directory: string, index: number): string {
  const name = nameOf(index);
  return `\n[[certificate]]\nnickname = "${name}"\nprofile = "caServerCert"\ncertificate-file = "${directory}/${name}.pem"\nkey-file = "${directory}/${name}.key"\n`;
}

/** What certmonger would have written for another certificate. */
function copyOf(model: string, from: number, to: number, pem: string): string {
  const { serialNumber, subject, notAfter, notBefore, publicKey } = new x509.X509Certificate(pem);
  const point = (spki: string) => spki.slice(-128);
  const before = point(/^cert_spki=(\w+)$/mu.exec(model)?.[1] ?? '');
  const time = (date: Date) => date.toISOString().replace(/\D/gu, '').slice(0, 14);
  return model
    .replaceAll(nameOf(from), nameOf(to))
    .replaceAll(before, point(Buffer.from(publicKey.rawData).toString('hex').toUpperCase()))
    .replace(/^cert_serial=.*$/mu, `cert_serial=${serialNumber.toUpperCase()}`)
    .replace(/^cert_subject=.*$/mu, `cert_subject=${subject}`)
    .replace(/^cert_not_before=.*$/mu, `cert_not_before=${time(notBefore)}`)
    .replace(/^cert_not_after=.*$/mu, `cert_not_after=${time(notAfter)}`)
    .replace(/^cert=-----BEGIN[^]*?-----END CERTIFICATE-----$/mu, `cert=${pem.trimEnd().replaceAll('\n', '\n ')}`);
}

/** Certificates of the site's CA, as far as names tell, each with a key of its own in a file beside it. */
async function issuer(site: Site): Promise<(index: number, file: string) => Promise<void>> {
  const ca = new x509.X509Certificate(site.authority.certificate('caSigningCert cert-pki-ca').pem);
  const signing = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const now = Date.now();
  return async (index, file) => {
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.create(
      {
        serialNumber: `40${randomBytes(8).toString('hex')}`,
        subject: `O=HSMONGER.TEST, CN=${nameOf(index)}`,
        issuer: ca.subjectName,
        notBefore: new Date(now - 300 * dayMs),
        notAfter: new Date(now + (100 + (index % 300)) * dayMs),
        publicKey: keys.publicKey,
        signingKey: signing.privateKey,
        signingAlgorithm: algorithm,
      },
      webcrypto as unknown as Crypto,
    );
    const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
      .toString('base64')
      .replace(/.{1,64}/gu, '$&\n');
    writeFileSync(file, `${certificate.toString('pem')}\n`);
    writeFileSync(file.replace(/pem$/u, 'key'), `-----BEGIN PRIVATE KEY-----\n${pkcs8}-----END PRIVATE KEY-----\n`, { mode: 0o600 });
  };
}
