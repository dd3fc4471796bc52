// @ts-check
/** Starts a worker from one of the bundle's scripts. */

/**
 * A script of another origin cannot be a worker's, but a script of ours may import it; so may one in a sandboxed frame,
 * whose own origin is nobody's. (There, Chromium 156 refuses blobs as modules and takes them as classic scripts, which may
 * import modules all the same.) A script that could not be imported is told by an event "failed".
 * @param {string} address
 * @param {string} name
 */
export function startWorker(address, name) {
  if (new URL(address).origin === self.origin) return new Worker(address, { type: "module", name });
  const text = `import(${JSON.stringify(address)}).catch((error) => postMessage({ event: "failed", error: {
    code: "worker-failed", message: ${JSON.stringify(`PageVM's worker ${address} could not be loaded: `)} + error.message } }));`;
  const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  const worker = new Worker(url, { name });
  // The browser fetches the script when it gets to it; its name may go once the script has spoken.
  worker.addEventListener("message", () => URL.revokeObjectURL(url), { once: true });
  return worker;
}
