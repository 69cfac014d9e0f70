// The page at `/chat-demo`: a customer who chats, at once or when an agent is near.
//
// Puts together what the other modules own: requests, the connection, the talk and its transcript. What the customer is
// at outlives a reload; all that is told and asked may come twice.

import {Customer} from "./customer.js";
import {Talk} from "./talk.js";
import {Transcript} from "./transcript.js";
import {showState} from "/static/lamp.js";

const ENDPOINT = "/genesys/cometd";
const CHANNEL = "/_genesys";
const STAGES = ["form", "waiting", "near", "chat", "ended"];
const LOOK_EVERY_MS = 3000;
const TYPING_EVERY_MS = 3000;
const KEPT = "chat-demo";

const ENDINGS = {
  AGENT_CONNECTED: "The chat has ended.",
  CANCELLED: "You gave up.",
  NOT_AVAILABLE: "No agent was near in time.",
  FAIL_USER_NO_CONFIRM: "You did not answer in time.",
  FAIL_TIMEOUT_TTL: "It took too long.",
  FAIL_AGENT_CONNECT: "No agent took the chat.",
  FAIL_TARGET_NOT_FOUND: "Nobody is there for this service.",
};

const element = (id) => document.getElementById(id);

const library = import("/static/connection.js"); // fails where the third-party module was not installed
const transcript = new Transcript(element("transcript"));

/** What outlives a reload: who the customer is, where he stands, and what he wants. */
let visit = JSON.parse(sessionStorage.getItem(KEPT)) ?? {user: randomUser(), stage: "form"};
const customer = new Customer(visit.user);
let talk = new Talk();
let connection = null;
let seen = new Set(); // ids of notices: each may come twice
let early = []; // notices that were faster than the answer that tells the instance
let typedAt = -Infinity;

// Where the customer stands

function go(stage, more = {}) {
  keep({...more, stage});
  showStage();
}

function keep(more) {
  visit = {...visit, ...more};
  sessionStorage.setItem(KEPT, JSON.stringify(visit));
}

function showStage() {
  const {stage} = visit;
  for (const each of STAGES) {
    element(each).hidden = each !== stage && !(each === "chat" && stage === "ended" && talk.lines.size > 0);
  }
  element("say").hidden = element("end").hidden = stage !== "chat";
  element("promise").textContent = visit.promise ?? "";
  element("chat-title").textContent = visit.subject ?? "";
  element("why").textContent = visit.why ?? "";
  const first = {near: "confirm", chat: "message", ended: "again"}[stage];
  if (first !== undefined) {
    element(first).focus();
  }
}

function end(why) {
  connection?.close();
  connection = null;
  showState("off", null);
  element("activity").textContent = "";
  go("ended", {why});
}

// What the customer does

element("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const {value: service} = event.submitter;
  const {firstName, lastName, subject, number, transport} = Object.fromEntries(new FormData(event.target));
  go("form", {firstName, lastName, subject, transport, instance: undefined});
  await withButtons(event.target, () => attempt(async () => {
    await watch();
    const dialog = await customer.start(service, {
      _customer_number: number,
      usr_customer_name: `${firstName} ${lastName}`.trim(),
      usr_reason: subject,
    });
    await follow(dialog);
    early.splice(0).forEach(hear);
  }));
});

element("confirm").addEventListener("click", () => withButtons(element("near"), () => attempt(async () => {
  await follow(await customer.connect(visit.instance));
})));

for (const id of ["give-up", "decline"]) {
  element(id).addEventListener("click", () => attempt(async () => {
    await customer.withdraw(visit.instance);
    end(ENDINGS.CANCELLED);
  }));
}

element("say").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = element("message").value;
  element("message").value = "";
  typedAt = -Infinity;
  if (!(await attempt(async () => take(await customer.say(visit.instance, text))))) {
    element("message").value ||= text;
  }
});

element("message").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    element("say").requestSubmit();
  }
});

element("message").addEventListener("input", ({timeStamp}) => {
  const hint = (request) => request.catch(() => {}); // nobody misses it
  if (element("message").value === "") {
    typedAt = -Infinity;
    hint(customer.stopTyping(visit.instance));
  } else if (timeStamp - typedAt > TYPING_EVERY_MS) {
    typedAt = timeStamp;
    hint(customer.startTyping(visit.instance));
  }
});

element("end").addEventListener("click", () => attempt(async () => take(await customer.leave(visit.instance))));

element("again").addEventListener("click", () => {
  talk = new Talk();
  transcript.clear();
  notify("");
  go("form", {instance: undefined, why: undefined});
  offerNumber();
  element("first-name").focus();
});

/** Does what a dialog says. */
async function follow({_action: action, _id: instance, _text: promise}) {
  if (action !== "StartChat") {
    go("waiting", {instance, promise});
    await look();
    return;
  }
  go("chat", {instance, isJoined: false});
  showActivity();
  await join();
}

async function join() {
  const {instance, firstName, lastName, subject} = visit;
  await customer.beginChat(instance, {firstName, lastName, subject});
  keep({isJoined: true});
}

// What the gateway tells

/** Listens on the user's channel; returns when the gateway has agreed. */
async function watch() {
  const {Connection} = await library;
  connection?.close();
  seen = new Set();
  await new Promise((resolve, reject) => {
    connection = new Connection(ENDPOINT, {
      onState: showState,
      onMessage: ({data}) => hear(data),
      onWatching: () => {
        resolve();
        report(catchUp);
      },
      onRefused: (error) => reject(new Error(`The gateway does not tell you of your chat: ${error}`)),
      onEnded: (error) => {
        notify(`The gateway ended the connection: ${error}`);
        reject(new Error(`The gateway ended the connection: ${error}`));
      },
    }, visit.transport);
    connection.open([CHANNEL], {gms_user: visit.user});
  });
}

/** What nobody told while there was no connection. */
async function catchUp() {
  if (visit.stage === "chat") {
    if (!visit.isJoined) {
      await join(); // the page was loaded anew between the dialog and the chat
    }
    take(await customer.refresh(visit.instance, talk.position));
  } else if (["waiting", "near"].includes(visit.stage)) {
    await look();
  }
}

function hear(notice) {
  const at = notice.tag.lastIndexOf(".");
  const [kind, instance] = [notice.tag.slice(0, at), notice.tag.slice(at + 1)];
  if (visit.instance === undefined) {
    early.push(notice);
  }
  if (instance !== visit.instance || seen.has(notice.id)) {
    return;
  }
  seen.add(notice.id);
  const kinds = {
    "service.agentavailable": () => visit.stage === "waiting" && go("near"),
    "service.chat.refresh": () => take(notice.message),
    "service.message": () => notify(notice.message._display_message ?? ""),
  };
  kinds[kind]?.();
}

/** A part of the chat. */
function take(part) {
  talk.take(part);
  transcript.show(talk);
  showActivity();
  if (talk.isOver && visit.stage === "chat") {
    end(ENDINGS.AGENT_CONNECTED);
  }
}

/** How far the queue is. */
async function look() {
  try {
    const place = await customer.place(visit.instance);
    showPlace(place);
    if (visit.stage === "waiting" && place._agent_ready_threshold_passed) {
      go("near"); // told before a reload, or about to be told
    } else if (visit.stage === "near" && !place._agent_ready_threshold_passed) {
      go("waiting");
    }
  } catch (error) {
    if (error.status !== 404) {
      throw error;
    }
    const record = await customer.record(visit.instance);
    if (record === undefined || record._callback_state === "COMPLETED") {
      end(ENDINGS[record?._callback_reason] ?? "It is over.");
    }
  }
}

// Showing

function showPlace({_position: position, _total_waiting: waiting, _eta: eta}) {
  const time = eta === "n/a" ? "" : `, about ${Math.max(1, Math.round(eta / 60))} min`;
  const text = `You are number ${position} of ${waiting} in the queue${time}.`;
  if (element("place").textContent !== text) {
    element("place").textContent = text;
  }
}

function showActivity() {
  const typing = [...talk.typing];
  const text = typing.length > 0 ? `${typing.join(", ")} is typing…` : talk.agents.size === 0 ? "Waiting for an agent…" : "";
  element("activity").textContent = talk.isOver ? "" : text;
}

function notify(text) {
  element("notice").textContent = text;
  element("notice").hidden = text === "";
}

/** True if it was done; else the notice says why not. */
function attempt(act) {
  notify("");
  return report(act);
}

async function report(act) {
  try {
    await act();
    return true;
  } catch (error) {
    notify(error.message);
    return false;
  }
}

/** Keeps people from pressing twice. */
async function withButtons(place, act) {
  const buttons = [...place.querySelectorAll("button")];
  buttons.forEach((each) => (each.disabled = true));
  await act();
  buttons.forEach((each) => (each.disabled = false));
}

function randomUser() {
  return [...crypto.getRandomValues(new Uint8Array(32))].map((each) => each.toString(16).padStart(2, "0")).join("");
}

/** One that is possible, and nobody else's in this demonstration: how often one may start is counted by number. */
function offerNumber() {
  const [digits] = crypto.getRandomValues(new Uint32Array(1));
  element("number").value = `408265${String(digits % 10000).padStart(4, "0")}`;
}

// Start

offerNumber();
go(visit.stage);

library.catch(() => {
  element("form").querySelectorAll("button").forEach((each) => (each.disabled = true));
  notify("The module npm “cometd” is missing, so this page cannot connect: run `make vendor` where the gateway is installed.");
});

let isLost = false; // the place in the queue

setInterval(async () => {
  if (["waiting", "near"].includes(visit.stage)) {
    const wasLost = isLost;
    isLost = !(await report(look));
    if (wasLost && !isLost) {
      notify("");
    }
  }
}, LOOK_EVERY_MS);

if (visit.stage === "ended") {
  await customer.refresh(visit.instance, 0).then(take, () => {});
  showStage();
} else if (visit.stage !== "form") {
  await attempt(watch);
}
