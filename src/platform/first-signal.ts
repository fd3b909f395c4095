/**
 * Listens to the first such signal; a second one ends the process as if nobody listened. Gives the way to end that. Not process.once():
 * its listener is gone when it is called, and while a child of execa's runs signal-exit, then alone, ends this process on the spot.
 */
export function onFirstSignal(signal: NodeJS.Signals, listener: () => void): () => void {
  const deaf = () => {
    process.removeListener(signal, heard);
  };
  const heard = () => {
    // After everybody else who listens has been called.
    setImmediate(deaf);
    listener();
  };
  process.on(signal, heard);
  return deaf;
}
