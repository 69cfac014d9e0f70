// The page at `/`: sign in, watch a channel live, send something to look at.
//
// Whatever comes from the server is put on the page as text nodes, never as markup (SEC-36).

import {showState} from "/static/lamp.js";

const ENDPOINT = "/api/v2/notifications";
const SEND_TO_ME = "/service/dev/send-to-me"; // answered by a gateway started with --dev
const SAMPLE_CHANNEL = "/v2/me/interactions";
const MAX_MESSAGES = 200; // on the page; older ones are dropped
const PATIENCE_MS = 3000; // for a sample to come back

const element = (id) => document.getElementById(id);

const library = import("/static/connection.js"); // fails where the third-party module was not installed
let connection = null;
let received = 0;

// Signing in and out

element("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const user = element("user").value;
  const password = element("password").value;
  element("sign-in-button").disabled = true;
  await enter({headers: {Authorization: `Basic ${base64(`${user}:${password}`)}`}});
  element("sign-in-button").disabled = false;
});

element("sign-out").addEventListener("click", () => leave());

/** Asks who we are, which also makes the server set its cookie, and opens the desk. */
async function enter(request) {
  const answer = await fetch("/api/v2/me", request).catch(() => null);
  if (answer === null) {
    notify("The gateway cannot be reached.");
  } else if (answer.status === 403) {
    notify("The user or the password is wrong.");
  } else if (!answer.ok) {
    notify(`The gateway answered ${answer.status}; try again in a moment.`);
  } else {
    const {user} = await answer.json();
    notify("");
    sessionStorage.setItem("user", user.userName);
    element("who").textContent = user.userName;
    element("password").value = "";
    show("desk");
    showCommand();
    await watch();
  }
}

function leave(reason = "") {
  sessionStorage.removeItem("user");
  connection?.close();
  connection = null;
  clear();
  showState("off", null);
  notify(reason);
  show("sign-in");
  element("user").focus();
}

function show(id) {
  element("sign-in").hidden = id !== "sign-in";
  element("desk").hidden = id !== "desk";
}

// Watching

element("watch").addEventListener("submit", (event) => {
  event.preventDefault();
  watch();
});

element("clear").addEventListener("click", () => clear());

async function watch() {
  const {Connection} = await library;
  const channel = element("channel").value.trim();
  connection?.close();
  notify("");
  connection = new Connection(ENDPOINT, {
    onState: showState,
    onMessage: showMessage,
    onRefused: (error) => notify(`You cannot watch ${channel}: ${error}`),
    onEnded: (error) => leave(`The server ended the connection: ${error}. Sign in again.`),
  }, element("transport").value);
  try {
    connection.open([channel]);
  } catch (error) {
    notify(error.message);
  }
}

function showMessage({channel, data}) {
  const time = new Date();
  const item = make("li", "message");
  const details = make("details");
  details.open = true;
  const summary = make("summary");
  const when = make("time", "", time.toLocaleTimeString(undefined, {hour12: false}));
  when.dateTime = time.toISOString();
  summary.append(when, make("span", "channel", channel), make("span", "gist", gist(data)));
  details.append(summary, make("pre", "", JSON.stringify(data, null, 2)));
  item.append(details);

  const list = element("messages");
  list.firstElementChild?.firstElementChild.removeAttribute("open"); // the newest stands open
  list.prepend(item);
  while (list.childElementCount > MAX_MESSAGES) {
    list.lastElementChild.remove();
  }
  received += 1;
  element("count").textContent = received > MAX_MESSAGES ? `${received}, the last ${MAX_MESSAGES} shown` : `${received}`;
  element("empty").hidden = true;
}

/** One line about a message: of an interaction its medium, state and subject, else the beginning of its data. */
function gist(data) {
  const {channel, state, userData} = Object(data);
  const words = [channel, state, Object(userData).Subject].filter((word) => typeof word === "string");
  return state && words.length > 1 ? words.join(" · ") : JSON.stringify(data).slice(0, 200);
}

function clear() {
  received = 0;
  element("messages").replaceChildren();
  element("count").textContent = "";
  element("empty").hidden = false;
}

// Sending

element("publish").addEventListener("submit", async (event) => {
  event.preventDefault();
  const outcome = element("published");
  let data;
  try {
    data = JSON.parse(element("publish-data").value);
  } catch (error) {
    outcome.textContent = `That is not JSON: ${error.message}`;
    return;
  }
  await report(outcome, "Published.", () => connection.publish(element("publish-channel").value.trim(), data));
});

element("sample-name").addEventListener("change", showCommand);

element("sample").addEventListener("submit", async (event) => {
  event.preventDefault();
  const outcome = element("sent");
  const samples = await loadSamples();
  const before = received;
  const data = {channel: SAMPLE_CHANNEL, data: samples[element("sample-name").value]};
  await report(outcome, "Sent: it is among the messages.", () => connection.publish(SEND_TO_ME, data));
  // A service channel takes messages also when nobody serves it.
  setTimeout(() => {
    if (received === before) {
      outcome.textContent = "Nothing came back. Is the channel watched, and the gateway started with --dev?";
    }
  }, PATIENCE_MS);
});

async function report(outcome, success, publish) {
  outcome.textContent = "Sending…";
  try {
    const error = await publish();
    outcome.textContent = error ? `The server refused: ${error}` : success;
  } catch (error) {
    outcome.textContent = error.message;
  }
}

let samples = null;

async function loadSamples() {
  samples ??= fetch("/static/samples.json").then((answer) => answer.json());
  return samples;
}

function showCommand() {
  const user = element("who").textContent;
  const file = `${element("sample-name").value || "sample"}.json`;
  element("command").textContent = `bayeux-gateway publish --user ${user} ${SAMPLE_CHANNEL} @${file}`;
}

// Tabs: one in the tab order, arrows move between them

const tabs = [element("tab-watch"), element("tab-send")];
for (const [at, tab] of tabs.entries()) {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", ({key}) => {
    const step = {ArrowRight: 1, ArrowLeft: -1}[key];
    if (step) {
      const next = tabs[(at + step + tabs.length) % tabs.length];
      choose(next);
      next.focus();
    }
  });
}

async function choose(chosen) {
  for (const tab of tabs) {
    const selected = tab === chosen;
    tab.setAttribute("aria-selected", String(selected));
    tab.tabIndex = selected ? 0 : -1;
    element(tab.getAttribute("aria-controls")).hidden = !selected;
  }
  const names = element("sample-name");
  if (chosen.id === "tab-send" && names.options.length === 0) {
    names.append(...Object.keys(await loadSamples()).map((name) => new Option(name)));
    showCommand();
  }
}

// Small things

function make(name, className = "", text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function notify(text) {
  element("notice").textContent = text;
  element("notice").hidden = text === "";
}

function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

// Start

library.catch(() => {
  element("sign-in-button").disabled = true;
  notify("The module npm “cometd” is missing, so this page cannot connect: run `make vendor` where the gateway is installed.");
});

if (sessionStorage.getItem("user")) {
  await enter({});
}
