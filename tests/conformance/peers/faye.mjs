// npm faye as a peer of the conformance cases: node faye.mjs '{"quick": {"options": {"timeout": 600}}}'

import { PATH, load, notFound, serve } from "./serve.mjs";

const faye = load("faye");

const TIMEOUT = 30_000; // of the specification; its own default is twice that

serve((httpServer, { options }) => {
  httpServer.on("request", notFound); // called for what the adapter does not take
  new faye.NodeAdapter({ mount: PATH, timeout: (options.timeout ?? TIMEOUT) / 1000 }).attach(httpServer);
});
