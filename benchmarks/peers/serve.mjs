// What the Node peers have in common: one HTTP server of theirs, and the few words of the runner.

import { createServer } from "node:http";
import { createInterface } from "node:readline";

const HOST = "127.0.0.1";
export const PATH = "/cometd";
export const HOLD = 30_000; // milliseconds; how long a connect is held, as by the others

const BACKLOG = 8192; // a thousand clients knock at once; the kernel cuts it to its own bound
const IDLE = 120_000; // milliseconds; no connection of a client ends for being idle

/** What a server answers beside PATH. */
export function notFound(request, response) {
  response.writeHead(404).end();
}

/**
 * Serves what `attach(httpServer)` adds to an HTTP server, prints its URL, and ends with standard input.
 *
 * The line `collect` is answered, after a full garbage collection, by the bytes of the heap that are in use.
 */
export function serve(attach) {
  const httpServer = createServer({ keepAliveTimeout: IDLE, requestTimeout: 0 });
  attach(httpServer);
  httpServer.listen({ port: 0, host: HOST, backlog: BACKLOG }, () => {
    console.log(`http://${HOST}:${httpServer.address().port}${PATH}`);
  });
  const words = createInterface({ input: process.stdin });
  words.on("line", () => {
    globalThis.gc();
    globalThis.gc(); // what the first one let go may have held more
    console.log(process.memoryUsage().heapUsed);
  });
  words.on("close", () => process.exit(0));
}
