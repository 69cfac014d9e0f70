// npm `cometd` on Node, as `cometd-nodejs-client` adapts it.

import {adapt} from "cometd-nodejs-client";
import {obey, tell} from "./commands.mjs";
import {Conversation} from "./conversation.mjs";

adapt();
const {CometD} = await import("cometd");
const conversation = new Conversation(CometD, tell);
await obey((command) => conversation.ask(command));
