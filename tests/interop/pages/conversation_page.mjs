// npm `cometd` in a page; the test talks to `window.conversation` and hears through `window.tellTest`.

import {CometD, ReloadExtension} from "cometd";
import {Conversation} from "/clients/conversation.mjs";

window.conversation = new Conversation(CometD, window.tellTest, {extensions: {reload: new ReloadExtension()}});
