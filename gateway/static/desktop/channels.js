// The media channels with their states, each a row of buttons of which one is pressed.

import {button, make} from "/static/elements.js";

export class Channels {
  #place;
  #onState;
  #states = [];

  /**
   * @param {HTMLElement} place
   * @param {(channel: string, operation: string) => void} onState somebody wants another state
   */
  constructor(place, onState) {
    this.#place = place;
    this.#onState = onState;
  }

  /** @param {object[]} settings states that can be asked for, as `/settings/agent-states` has them */
  offer(settings) {
    this.#states = settings;
  }

  /** @param {Map<string, object>} channels userState by channel */
  show(channels) {
    for (const [channel, userState] of channels) {
      const row = this.#row(channel);
      row.querySelector(".channel-state").textContent = words(userState);
      for (const each of row.querySelectorAll("button")) {
        each.setAttribute("aria-pressed", String(each.dataset.state === key(userState)));
      }
    }
  }

  clear() {
    this.#place.replaceChildren();
  }

  #row(channel) {
    const id = `channel-${channel}`;
    return document.getElementById(id) ?? this.#place.appendChild(this.#made(id, channel));
  }

  #made(id, channel) {
    const buttons = this.#states.map((setting) => {
      const made = button(setting.displayName, () => this.#onState(channel, setting.operationName));
      made.dataset.state = key(setting);
      made.setAttribute("aria-label", `${setting.displayName}, ${channel}`);
      return made;
    });
    const title = make("span", {className: "channel-name"}, channel);
    const state = make("span", {className: "channel-state quiet", role: "status"});
    const group = make("div", {className: "states", role: "group", "aria-label": `State of ${channel}`}, ...buttons);
    return make("div", {id, className: "channel-row"}, make("p", {}, title, " ", state), group);
  }
}

function key({state, reason}) {
  return `${state} ${reason ?? ""}`.trim();
}

function words({displayName, state, reason}) {
  const name = displayName ?? state;
  return reason && !name.includes(reason) ? `${name} (${reason === "RONA" ? "an invitation was not answered" : reason})` : name;
}
