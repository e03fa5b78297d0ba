// What every test says and waits for.

const WAIT = 300_000; // for what a busy machine may take: with a load of 20 the extensions of a reload began after 150 s
const CLICK = 15_000,
  SEEN = 30_000; // for one try of a click, and for what comes of it

const began = Date.now();

const say = (...words) => console.log(`${((Date.now() - began) / 1000).toFixed(1).padStart(6)}s`, ...words);
const plain = (text) => text.replace(/\u00a0/g, " ").replace(/[\u200b-\u200f]/g, "");
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Return what `find` gives once it is truthy; fails at the deadline with what was looked for. */
async function until(what, find, ms = WAIT) {
  for (const end = Date.now() + ms; ; await sleep(100)) {
    const late = Date.now() > end; // looked at before the last look: we may have been suspended meanwhile
    const found = await find();
    if (found) return found;
    if (late) throw new Error(`not within ${ms / 1000} s: ${what}`);
  }
}

module.exports = { CLICK, SEEN, WAIT, plain, say, sleep, until };
