// What every test says and waits for.

const WAIT = 300_000; // for what a busy machine may take: with a load of 20 the extensions of a reload began after 150 s
const CLICK = 15_000,
  SEEN = 30_000; // for one try of a click, and for what comes of it

const began = Date.now();

const say = (...words) => console.log(`${((Date.now() - began) / 1000).toFixed(1).padStart(6)}s`, ...words);
const plain = (text) => text.replace(/\u00a0/g, " ").replace(/[\u200b-\u200f]/g, "");
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Return what `find` gives once it is truthy; fails at the deadline with what was looked for. A look that takes long, of a
 * command that is run, is taken less often: it would take the machine from what it waits for. */
async function until(what, find, ms = WAIT) {
  for (const end = Date.now() + ms; ;) {
    const began = Date.now();
    const found = await find();
    if (found) return found;
    if (began > end) throw new Error(`not within ${ms / 1000} s: ${what}`); // suspended meanwhile, there is a last look
    await sleep(Math.min(2000, Math.max(100, 4 * (Date.now() - began))));
  }
}

module.exports = { CLICK, SEEN, WAIT, plain, say, sleep, until };
