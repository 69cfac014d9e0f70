// The page at `/desktop`: a small agent desktop, for development and to show what the agent API does.
//
// Puts together what the other modules own: the API, the connection, the desk and its views.

import {Api} from "./api.js";
import {Channels} from "./channels.js";
import {customerOf, Desk, subjectOf} from "./desk.js";
import {make} from "/static/elements.js";
import {showState} from "/static/lamp.js";
import {Invitations, Work} from "./lists.js";
import {kindOf, paneFor} from "./panes.js";

const ENDPOINT = "/api/v2/notifications";
const INTERACTIONS = "/v2/me/interactions";
const MEDIA = ["chat", "email"];
const OPENING = new Set(["Accept", "Reply", "ReplyAll", "Forward"]); // operations after which something opens
const TICK_MS = 250;

const OUTCOMES = {
  Rejected: "rejected",
  Revoked: "taken back",
  Completed: "done",
  Transferred: "handed over",
  Placed: "put in a queue",
  InWorkbin: "put aside",
};
const REASONS = {
  RONA: "nobody answered in time",
  CUSTOMER_LEFT: "the customer left",
  TAKEN_ELSEWHERE: "somebody else has it",
  LOGOUT: "you signed out",
  SUPERVISOR: "a supervisor decided so",
  CONNECTION_LOST: "the connection was lost",
};

const element = (id) => document.getElementById(id);

const library = import("/static/connection.js"); // fails where the third-party module was not installed
const api = new Api();
let desk = new Desk();
let connection = null;
let pane = null;
const opening = new Set(); // ids of what they were done on

const channels = new Channels(element("channels"), (channel, operation) => {
  attempt(() => api.post(`/me/channels/${channel}`, operation));
});
const invitations = new Invitations(element("invitations"), element("no-invitations"), perform);
const work = new Work(element("work"), element("no-work"), choose);

// Signing in and out

element("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  element("sign-in-button").disabled = true;
  await enter(() => api.signIn(element("user").value, element("password").value));
  element("sign-in-button").disabled = false;
});

element("sign-out").addEventListener("click", async () => {
  connection?.close();
  await attempt(() => api.post("/me", "EndContactCenterSession"));
  leave();
});

async function enter(identify) {
  try {
    const {user} = await identify();
    element("who").textContent = user.userName;
    element("password").value = "";
    sessionStorage.setItem("desktop", user.userName);
    const {failed = []} = await api.post("/me", "StartContactCenterSession", {channels: MEDIA});
    notify(failed.map(({channel, statusMessage}) => `${channel}: ${statusMessage}`).join("; "));
    channels.offer((await api.get("/settings/agent-states")).settings);
    await refreshChannels();
    show("desk");
    await connect();
  } catch (error) {
    leave(error.isSignedOut ? "The user or the password is wrong." : error.message);
  }
}

function leave(reason = "") {
  sessionStorage.removeItem("desktop");
  connection?.close();
  connection = null;
  desk = new Desk();
  opening.clear();
  channels.clear();
  render();
  element("who").textContent = "";
  element("ended").textContent = "";
  showState("off", null);
  notify(reason);
  show("sign-in");
  element("user").focus();
}

function show(id) {
  element("sign-in").hidden = id !== "sign-in";
  element("desk").hidden = id !== "desk";
  element("sign-out").hidden = id !== "desk";
}

// What the gateway tells

async function connect() {
  const {Connection} = await library;
  connection = new Connection(ENDPOINT, {
    onState: showState,
    onMessage: take,
    onWatching: () => report(refresh),
    onRefused: (error) => notify(`The gateway does not tell you of your work: ${error}`),
    onEnded: (error) => leave(`The server ended the connection: ${error}. Sign in again.`),
  });
  connection.open([INTERACTIONS, "/v2/me/channels", "/v2/me"], {gw: true});
}

/** All that the agent has; after a handshake, since nobody knows what was missed. */
async function refresh() {
  const mark = desk.mark();
  const {interactions} = await api.get("/me/interactions?fields=*");
  desk.snapshot(interactions, mark, Date.now());
  await refreshChannels();
  render();
}

async function refreshChannels() {
  desk.channelsChanged((await api.get("/me/channels")).channels);
  channels.show(desk.channels);
}

function take({data, ext}) {
  const gw = ext?.gw ?? {};
  const kinds = {
    InteractionStateMessage: () => takeInteraction(data, gw),
    ChannelStateChangeMessageV2: () => desk.channelsChanged(data.channels),
    ErrorMessage: () => notify(`${data.operationName}: ${data.statusMessage}`),
    SessionReplacedMessage: () => leave("You signed in elsewhere."),
  };
  kinds[data.messageType]?.();
  channels.show(desk.channels);
  render();
}

function takeInteraction(data, gw) {
  const before = desk.items.get(data.id);
  const ended = desk.notified(data, gw, Date.now());
  if (ended !== null) {
    const why = REASONS[gw.reason];
    element("ended").textContent = `${customerOf(ended)}, ${subjectOf(ended)}: ${OUTCOMES[ended.state]}${why ? `, ${why}` : ""}.`;
  } else if (data.state !== before?.state && opening.delete(data.state === "Composing" ? data.parentId : data.id)) {
    choose(data.id);
  }
}

// What the agent does

/** Opens what comes of it, here and not on the agent's other screens. */
async function perform(id, operation, parameters) {
  if (OPENING.has(operation)) {
    opening.add(id);
  }
  const isTaken = await attempt(() => api.post(`/me/interactions/${id}`, operation, parameters));
  if (!isTaken) {
    opening.delete(id);
  }
  return isTaken;
}

function choose(id) {
  desk.show(id);
  render();
  element("pane").focus();
}

/** True if it was done; else the notice says why not. */
function attempt(act) {
  notify(""); // before, not after: what the operation causes may be told before it is answered (AG-5)
  return report(act);
}

async function report(act) {
  try {
    await act();
    return true;
  } catch (error) {
    if (error.isSignedOut) {
      leave("Sign in again.");
    } else {
      notify(error.message);
    }
    return false;
  }
}

// Showing

function render() {
  invitations.show(desk.invitations);
  invitations.tick(Date.now());
  work.show(desk.work, desk.shown);
  const item = desk.items.get(desk.shown);
  if (!item) {
    pane = null;
    element("pane").replaceChildren(make("p", {className: "quiet"}, "What you accept opens here."));
  } else if (pane?.kind === kindOf(item)) {
    pane.update(item);
  } else {
    pane = paneFor(item, {
      perform: (...order) => perform(item.id, ...order),
      hint: (...order) => api.post(`/me/interactions/${item.id}`, ...order).catch(() => {}),
    });
    element("pane").replaceChildren(pane.element);
  }
}

function notify(text) {
  element("notice").textContent = text;
  element("notice").hidden = text === "";
}

// Start

setInterval(() => invitations.tick(Date.now()), TICK_MS);

library.catch(() => {
  element("sign-in-button").disabled = true;
  notify("The module npm “cometd” is missing, so this page cannot connect: run `make vendor` where the gateway is installed.");
});

if (sessionStorage.getItem("desktop")) {
  await enter(() => api.get("/me"));
}
