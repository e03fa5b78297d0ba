// How long a person waits in real VS Code, with 200 experiments in the ledger: from the press of the mouse button to the frame
// that shows the change. Prints one line of JSON, in milliseconds; nothing here passes or fails by a time.
const { ledger } = require("./campaigns.js");
const { drive } = require("./editor.js");
const { WAIT, until } = require("./waiting.js");

const COUNT = 200,
  TIMES = 5,
  STARTS = 3;
const MARK = ".cgmr[class*=TextEditorDecorationType]"; // ours: git's marks are no glyphs

/** Click; return when the gutter mark, the lens and the given text had changed, counted in the page. */
async function click(page, lens, { number, text }) {
  await page.locator(MARK).first().waitFor({ timeout: WAIT });
  await page.evaluate(
    ({ number, text, mark, wait }) => {
      const marks = () => document.querySelectorAll(mark).length;
      const before = marks();
      const changed = {
        mark: () => marks() < before,
        lens: () =>
          ![...document.querySelectorAll(".codelens-decoration")].some((e) => e.textContent.startsWith(`#${number} `)),
        text: () => !text || document.querySelector(".view-lines").textContent.replaceAll("\u00a0", " ").includes(text),
      };
      window.took = new Promise((done, fail) => {
        const times = {};
        setTimeout(
          () =>
            fail(
              new Error(
                `#${number}: not all of mark, lens and text changed: ${JSON.stringify(times)}, ${marks()} of ${before} marks`,
              ),
            ),
          wait,
        );
        let began;
        addEventListener("mousedown", () => (began = performance.now()), { once: true, capture: true });
        const look = new MutationObserver(() => {
          for (const [what, holds] of Object.entries(changed)) {
            if (began && !(what in times) && holds()) {
              times[what] = 0; // counted to the frame that shows it
              requestAnimationFrame(() => {
                times[what] = performance.now() - began;
                if (Object.values(times).filter(Boolean).length === 3) {
                  look.disconnect();
                  done(times);
                }
              });
            }
          }
        });
        look.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
      });
    },
    { number, text, mark: MARK, wait: WAIT },
  );
  await lens.click({ timeout: WAIT });
  return page.evaluate(() => window.took);
}

/** Return how long VS Code says that the extension took to be loaded and activated. */
async function activation(editor) {
  const { page } = editor;
  await editor.run("Developer: Show Running Extensions");
  const row = page.locator(".extensions-viewer .monaco-list-row, .runtime-extensions-editor .monaco-list-row", {
    hasText: "AutoResearch",
  });
  await row.locator(".activation-time").waitFor({ timeout: WAIT });
  return Number(/(\d+)ms/.exec(await row.locator(".activation-time").innerText())[1]);
}

drive("latency", async (editor) => {
  const { folder } = await ledger(editor, COUNT);
  const found = { accept: [], revert: [], lens: [], activation: [] };
  await editor.open(folder, "train.py", { width: 1200, height: 1600 });
  const { page } = editor;
  await editor.lens("kept patches").first().waitFor({ timeout: WAIT });
  await editor.lens("kept patches").first().click();
  const hunks = page.locator(".codelens-decoration", { hasText: /^#\d+ / }).filter({ visible: true });
  await hunks.first().waitFor({ timeout: WAIT });
  for (let n = 0; n < 2 * TIMES; n++) {
    const [name, verb] = n % 2 ? ["revert", /^Revert$/] : ["accept", /^Accept$/];
    const hunk = hunks.first();
    const number = Number(/#(\d+)/.exec(await hunk.innerText())[1]);
    const times = await click(page, hunk.locator("a", { hasText: verb }), {
      number,
      text: n % 2 ? `KNOB_${(number * 7) % 97} = 0` : "",
    });
    found[name].push(n % 2 ? times.text : times.mark);
    found.lens.push(times.lens);
    await page.waitForTimeout(1000); // a person reads: the lenses below are drawn anew meanwhile
  }
  for (let n = 0; n < STARTS; n++) {
    found.activation.push(await activation(editor));
    await page.reload();
    await until("the status bar", async () => /#\d+/.test(await editor.barText()));
  }
  console.log(JSON.stringify(found));
});
