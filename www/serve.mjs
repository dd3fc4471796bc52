// @ts-check
/**
 * Serves the page on this machine: dist/ at /, images/NAME/out/ at /images/NAME/. Any other static host does as well.
 *
 *   node www/serve.mjs          PORT=8086 unless set, the next free one if that is taken
 */
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const DEFAULT_PORT = 8086;
const PORTS_TRIED = 50;

/** @type {Record<string, string>} */
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".ts": "text/plain; charset=utf-8",
  ".txt": "text/plain; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".wasm": "application/wasm",
};

/**
 * @typedef {object} Options
 * @property {number} [port] 0: any free one
 * @property {string} [host]
 * @property {string} [dist]
 * @property {string} [images]
 * @property {Record<string, string>} [headers] with every answer
 * @property {(request: http.IncomingMessage, response: http.ServerResponse) => boolean} [first] may answer instead
 */

/**
 * @param {Options} [options]
 * @returns {Promise<{ url: string, close: () => Promise<void> }>}
 */
export async function serve(options = {}) {
  const { port = DEFAULT_PORT, host = "localhost", headers = {}, first = () => false } = options;
  const folders = {
    dist: options.dist ?? path.join(ROOT, "dist"),
    images: options.images ?? path.join(ROOT, "images"),
  };
  const server = http.createServer((request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (!first(request, response)) answer(request, response, folders);
  });
  const taken = await listen(server, port, host);
  return {
    url: `http://${host}:${taken}/`,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/**
 * @param {http.Server} server
 * @param {number} port
 * @param {string} host
 * @returns {Promise<number>} the port taken
 */
async function listen(server, port, host) {
  for (let tried = 0; ; tried++) {
    try {
      await new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(port === 0 ? 0 : port + tried, host, () => resolve(server.off("error", reject)));
      });
      const address = server.address();
      return typeof address === "object" && address ? address.port : port;
    } catch (error) {
      const { code } = /** @type {NodeJS.ErrnoException} */ (error);
      if (code !== "EADDRINUSE" || tried >= PORTS_TRIED) throw error;
    }
  }
}

/** @param {string} url @param {{ dist: string, images: string }} folders @returns {string | undefined} */
function fileOf(url, { dist, images }) {
  let name;
  try {
    name = decodeURIComponent(new URL(url, "http://host").pathname);
  } catch {
    return undefined;
  }
  const parts = name.split("/").slice(1);
  if (parts.some((part) => part === ".." || part.includes("\0") || part.includes("\\"))) return undefined;
  if (parts[0] === "images" && parts.length > 2) {
    return path.join(images, /** @type {string} */ (parts[1]), "out", ...parts.slice(2));
  }
  return path.join(dist, ...parts, ...(parts.at(-1) === "" ? ["index.html"] : []));
}

/**
 * @param {http.IncomingMessage} request
 * @param {http.ServerResponse} response
 * @param {{ dist: string, images: string }} folders
 */
function answer(request, response, folders) {
  const refuse = (/** @type {number} */ status, /** @type {string} */ words) => {
    response.writeHead(status, { "content-type": "text/plain; charset=utf-8" });
    response.end(`${words}\n`);
  };
  if (request.method !== "GET" && request.method !== "HEAD") return refuse(405, "only GET and HEAD");
  const file = fileOf(request.url ?? "/", folders);
  const stat = file === undefined ? undefined : fs.statSync(file, { throwIfNoEntry: false });
  if (file === undefined || !stat?.isFile()) return refuse(404, "not found");

  const tag = `"${stat.size.toString(36)}-${Math.trunc(stat.mtimeMs).toString(36)}"`;
  response.setHeader("content-type", TYPES[path.extname(file)] ?? "application/octet-stream");
  response.setHeader("accept-ranges", "bytes");
  response.setHeader("cache-control", "no-cache"); // kept, but asked for: a new build shows at once
  response.setHeader("etag", tag);
  if (request.headers["if-none-match"] === tag) {
    response.writeHead(304).end();
    return;
  }

  const range = rangeOf(request.headers.range, stat.size);
  if (range === "impossible") {
    response.setHeader("content-range", `bytes */${stat.size}`);
    return refuse(416, "no such range");
  }
  const { start, end } = range ?? { start: 0, end: stat.size - 1 };
  response.setHeader("content-length", end - start + 1);
  if (range) response.setHeader("content-range", `bytes ${start}-${end}/${stat.size}`);
  response.writeHead(range ? 206 : 200);
  if (request.method === "HEAD" || stat.size === 0) {
    response.end();
    return;
  }
  const stream = fs.createReadStream(file, { start, end });
  stream.on("error", () => response.destroy());
  response.on("close", () => stream.destroy());
  stream.pipe(response);
}

/**
 * One range of bytes; anything more is answered with the whole file, as the standard allows.
 * @param {string | undefined} header
 * @param {number} size
 * @returns {{ start: number, end: number } | "impossible" | undefined}
 */
function rangeOf(header, size) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (!match || (match[1] === "" && match[2] === "")) return undefined;
  const last = match[1] === "";
  const start = last ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const end = last || match[2] === "" ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (start >= size) return "impossible";
  return start > end ? undefined : { start, end };
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const wanted = process.env.PORT ? Number(process.env.PORT) : DEFAULT_PORT;
  if (!Number.isInteger(wanted) || wanted < 0 || wanted > 65535) {
    console.error(`www/serve.mjs: PORT is no port: ${process.env.PORT}`);
    process.exit(2);
  }
  const { url } = await serve({ port: wanted });
  console.log(`PageVM: ${url}`);
}
