// npm faye as a peer of the benchmarks: its engine in memory, its defaults but for the timeout.

import faye from "faye";

import { HOLD, PATH, notFound, serve } from "../serve.mjs";

serve((httpServer) => {
  httpServer.on("request", notFound); // called for what the adapter does not take
  new faye.NodeAdapter({ mount: PATH, timeout: HOLD / 1000 }).attach(httpServer);
});
