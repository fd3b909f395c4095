/** Where a command writes: results on `out`, messages on `err`. Passed in, so that a command can be run and read by a test. */
export interface Io {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Colour and progress only where a person looks. */
  readonly interactive: boolean;
  readonly colour: boolean;
  /** Lines a person types; undefined where nobody can be asked. */
  readonly ask?: (question: string) => Promise<string>;
  /** A line that nobody sees being typed, to be wiped; undefined where nobody can be asked. */
  readonly askSecret?: (question: string) => Promise<Buffer>;
}
