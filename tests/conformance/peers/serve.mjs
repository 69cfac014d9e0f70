// What the servers of other projects have in common here: where their packages lie, what they print, how they end.

import { createServer } from "node:http";
import { createRequire } from "node:module";

const HOST = "127.0.0.1";
export const PATH = "/cometd";

export const load = createRequire(new URL("../../interop/package.json", import.meta.url));

/** What a server answers beside PATH. */
export function notFound(request, response) {
  response.writeHead(404).end();
}

// A request that makes a peer throw must not end it: the cases after it have nothing to do with that.
process.on("uncaughtException", (error) => console.error(error));

/**
 * Serves each profile of the first argument on a port of its own, prints the URLs as one JSON object, and ends
 * with standard input.
 *
 * `attach(httpServer, profile)` adds a Bayeux server at PATH; a profile is `{options, hooks, extensions}`,
 * the options by their names in the specification, in milliseconds.
 */
export async function serve(attach) {
  const urls = {};
  for (const [name, profile] of Object.entries(JSON.parse(process.argv[2]))) {
    const httpServer = createServer();
    attach(httpServer, profile);
    await new Promise((resolve) => httpServer.listen(0, HOST, resolve));
    urls[name] = `http://${HOST}:${httpServer.address().port}${PATH}`;
  }
  console.log(JSON.stringify(urls));
  process.stdin.resume().on("end", () => process.exit(0));
}
