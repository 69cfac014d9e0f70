// The lamp in a page's head: whether the page is connected, and over which transport.

const TRANSPORTS = {websocket: "WebSocket", "long-polling": "long-polling"};

/** Says so in `#state`; a screen reader hears only what has changed. */
export function showState(state, transport) {
  const words = {off: "Not connected", trying: "Connecting…", on: `Connected over ${TRANSPORTS[transport]}`};
  document.getElementById("state").dataset.state = state;
  const text = document.getElementById("state-text");
  if (text.textContent !== words[state]) {
    text.textContent = words[state];
  }
}
