// npm cometd-nodejs-server as a peer of the benchmarks: its defaults, and any number of sessions of one browser.

import cometd from "cometd-nodejs-server";

import { HOLD, PATH, notFound, serve } from "../serve.mjs";

serve((httpServer) => {
  const server = cometd.createCometDServer({ timeout: HOLD, maxSessionsPerBrowser: -1 });
  httpServer.on("request", (request, response) => {
    return request.url === PATH || request.url.startsWith(`${PATH}/`)
      ? server.handle(request, response)
      : notFound(request, response);
  });
});
