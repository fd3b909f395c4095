import { HsmongerError } from '../errors.js';

const attempts = 4;

/** Reads, decides and writes again when somebody else was quicker; after a few times DIRECTORY_CHANGED is the caller's. */
export async function again<T>(round: () => Promise<T>): Promise<T> {
  for (let left = attempts - 1; ; left--) {
    try {
      return await round();
    } catch (error) {
      if (left === 0 || !(error instanceof HsmongerError) || error.code !== 'DIRECTORY_CHANGED') throw error;
    }
  }
}
