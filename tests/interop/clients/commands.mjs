// The pipe between a test and a client in Node: commands come as JSON lines on stdin, answers
// (`{answer: id, value}` or `{answer: id, error}`) and events leave as JSON lines on stdout.
// The end of stdin ends the process.

import {createInterface} from "node:readline";

export function tell(event) {
  process.stdout.write(JSON.stringify(event) + "\n");
}

export async function obey(ask) {
  // The libraries' own words go to stderr, so that stdout stays JSON.
  console.log = console.info = console.debug = console.warn = console.error;
  for await (const line of createInterface({input: process.stdin})) {
    const {id, ...command} = JSON.parse(line);
    answer(id, ask, command);
  }
  process.exit(0);
}

async function answer(id, ask, command) {
  try {
    tell({answer: id, value: (await ask(command)) ?? null});
  } catch (error) {
    tell({answer: id, error: String(error?.stack ?? error)});
  }
}
