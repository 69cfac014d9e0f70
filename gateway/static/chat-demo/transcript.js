// The transcript of a chat on the page: each line once, at its place, text only (SEC-36).

import {make} from "/static/elements.js";

export class Transcript {
  #place;

  /** @param {HTMLElement} place a list */
  constructor(place) {
    this.#place = place;
  }

  /** @param {import("./talk.js").Talk} talk */
  show(talk) {
    let before = null;
    let isNew = false;
    for (const [position, line] of talk.ordered.reverse()) {
      let item = this.#place.querySelector(`[data-position="${position}"]`);
      if (item === null) {
        item = made(line);
        item.dataset.position = position;
        this.#place.insertBefore(item, before);
        isNew = true;
      }
      before = item;
    }
    if (isNew) {
      this.#place.scrollTop = this.#place.scrollHeight;
    }
  }

  clear() {
    this.#place.replaceChildren();
  }
}

function made({type, name, text, party}) {
  const content = {
    "Message.Text": () => [make("span", {className: "speaker"}, name), make("span", {className: "said"}, text)],
    "Notice.Joined": () => [quiet(`${name} joined`)],
    "Notice.Left": () => [quiet(`${name} left`)],
    "Notice.PushUrl": () => [make("span", {className: "speaker"}, name), link(text)],
  }[type] ?? (() => [quiet(text)]);
  return make("li", {className: `line ${party.toLowerCase()}`}, ...content());
}

function quiet(text) {
  return make("span", {className: "quiet"}, text);
}

/** Only the web's addresses become links; `javascript:` and its like stay text. */
function link(text) {
  const isAddress = URL.canParse(text) && ["http:", "https:"].includes(new URL(text).protocol);
  return isAddress ? make("a", {className: "said", href: text, target: "_blank", rel: "noopener noreferrer"}, text) : quiet(text);
}
