import * as v from 'valibot';
import { identifier } from '../../config/schema/values.js';
import { HsmongerError } from '../../errors.js';
import { partName } from '../../service/tasks/state/state-parts.js';

/** What this version writes and reads. */
const format = 1;

/** Beside the instance's file in the archive. */
export const takenOverName = 'taken-over.json';

const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/u));
const schema = v.strictObject({
  format: v.literal(format),
  /** Of the hsmonger that made it; for people. */
  version: v.string(),
  host: v.string(),
  at: v.pipe(
    v.string(),
    v.isoTimestamp(),
    v.transform((text) => new Date(text)),
  ),
  /** Of <config>/agent.conf; absent where there was none. */
  agentConf: v.exactOptional(sha256),
  instances: v.array(
    v.strictObject({
      name: v.pipe(v.string(), v.regex(identifier)),
      /** The service user, by name: numbers differ from host to host. */
      user: v.string(),
      /** Of its instance file. */
      file: sha256,
      /** Of what says how to give an IPA server's requests back; absent where nothing was taken over. */
      takenOver: v.exactOptional(sha256),
      parts: v.array(
        v.strictObject({ name: v.pipe(v.string(), v.regex(partName)), size: v.pipe(v.number(), v.integer(), v.minValue(0)), sha256 }),
      ),
    }),
  ),
});

/** What a backup says of itself. */
export type Manifest = v.InferOutput<typeof schema>;
export type InstanceBackup = Manifest['instances'][number];

export function manifestText(manifest: Omit<Manifest, 'format'>): string {
  return `${JSON.stringify({ format, ...manifest, at: manifest.at.toISOString() }, null, 2)}\n`;
}

/** BACKUP_INVALID for what no hsmonger wrote, or a later one. */
export function parseManifest(text: string, file: string): Manifest {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new HsmongerError('BACKUP_INVALID', `${file} is no backup of hsmonger: its manifest cannot be read.`, { cause: error });
  }
  const written = (document as { readonly format?: unknown } | null)?.format;
  if (typeof written === 'number' && written > format)
    throw new HsmongerError(
      'BACKUP_INVALID',
      `${file} was made by a newer hsmonger (format ${String(written)} of backups, this one reads ${String(format)}); restore it with that version.`,
    );
  const result = v.safeParse(schema, document);
  if (!result.success)
    throw new HsmongerError(
      'BACKUP_INVALID',
      `${file} is no backup of hsmonger: in its manifest ${v.getDotPath(result.issues[0]) ?? 'the whole'} is wrong.`,
    );
  return result.output;
}
