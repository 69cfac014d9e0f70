// One browser profile (cookies, storage) in the Chromium that chromium.mjs started:
//   node browser.mjs ENDPOINT
// Commands name a tab. `converse` hands its command to the Conversation of pages/conversation.html;
// the others are a person's hands and eyes. Events carry the tab's name; besides those of a
// Conversation: `console` (errors and warnings), `violation` (Content-Security-Policy), `dialog`
// and `elsewhere` (a request to another host).

import {chromium} from "playwright-core";
import {obey, tell} from "./commands.mjs";

const PATIENCE = 45000; // milliseconds; a test fails by this, not by its own time-out

const context = await (await chromium.connect(process.argv[2])).newContext();
context.setDefaultTimeout(PATIENCE);
await context.exposeBinding("tellTest", ({page}, event) => tell({tab: tabs.get(page), ...event}));
await context.addInitScript(() => {
  document.addEventListener("securitypolicyviolation", ({violatedDirective, blockedURI, sample}) => {
    window.tellTest({event: "violation", violatedDirective, blockedURI, sample});
  });
});

const pages = new Map();
const tabs = new Map();

const commands = {
  async openTab({tab, url, options = {}}) {
    const page = await context.newPage();
    pages.set(tab, page);
    tabs.set(page, tab);
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) {
        tell({event: "console", tab, level: message.type(), text: message.text(), url: message.location().url});
      }
    });
    page.on("pageerror", (error) => tell({event: "console", tab, level: "exception", text: String(error)}));
    page.on("dialog", (dialog) => {
      tell({event: "dialog", tab, text: dialog.message()});
      dialog.dismiss();
    });
    page.on("request", (request) => {
      const {protocol, host} = new URL(request.url());
      if (!["data:", "blob:"].includes(protocol) && host !== new URL(url).host) {
        tell({event: "elsewhere", tab, url: request.url()});
      }
    });
    if (options.without) {
      await page.route(options.without, (route) => route.abort());
    }
    if (options.viewport) {
      await page.setViewportSize(options.viewport);
    }
    if (options.colorScheme) {
      await page.emulateMedia({colorScheme: options.colorScheme});
    }
    const response = await page.goto(url);
    return {status: response.status(), headers: response.headers()};
  },
  reload: ({page}) => page.reload().then(() => null),
  closeTab: ({page}) => page.close(),
  converse: ({page, ...command}) => page.evaluate((given) => window.conversation.ask(given), command.converse),
  // Evaluates the text of a function in the page.
  evaluate: ({page, text, argument}) => page.evaluate(`(${text})(${JSON.stringify(argument ?? null)})`),
  fill: ({page, label, value}) => page.getByLabel(label, {exact: true}).fill(value),
  choose: ({page, label, value}) => page.getByLabel(label, {exact: true}).selectOption(value),
  click: ({page, role, name}) => page.getByRole(role, {name, exact: true}).click(),
  press: ({page, key}) => page.keyboard.press(key),
  // Waits until the first such element shows this text.
  async see({page, selector, text}) {
    try {
      await page.locator(selector).filter({hasText: text}).first().waitFor();
    } catch (error) {
      const shown = await page.locator("body").innerText({timeout: 1000}).catch(String);
      throw new Error(`${error.message}\nThe page shows:\n${shown.slice(0, 4000)}`);
    }
  },
  texts: ({page, selector}) => page.locator(selector).allInnerTexts(),
  screenshot: ({page, path}) => page.screenshot({path}).then(() => null),
  cookies: () => context.cookies(),
  forgetCookies: () => context.clearCookies(),
};

await obey(({command, tab, ...details}) => commands[command]({tab, page: pages.get(tab), ...details}));
