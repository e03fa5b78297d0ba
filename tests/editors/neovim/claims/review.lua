local t = require("harness")

local canvas = t.buf["train.py"]

local function go_to(hunk)
  vim.api.nvim_win_set_cursor(0, { hunk.start + 1, 0 })
end

t.claim("the quickfix list has every hunk and follows the review", function()
  vim.cmd("AutoResearch hunks")
  t.wait("quickfix", function()
    return vim.bo.buftype == "quickfix" and #vim.fn.getqflist() == #t.pending()
  end)
  assert(vim.fn.getqflist()[1].text:match("^#%d.* %(%-1 %+1%) "), vim.fn.getqflist()[1].text)
  vim.cmd("silent cfirst")
  t.equal({ vim.api.nvim_get_current_buf(), vim.api.nvim_win_get_cursor(0)[1] }, { canvas, t.pending()[1].start + 1 })
end)

t.claim("revert puts the old line back as one edit, files its price, and is undone", function()
  local before, many, hunk = t.text(canvas), #t.pending(), t.pending()[1]
  go_to(hunk)
  t.run("AutoResearch revert", "reverted .*#%d+; %a+")
  local line = vim.api.nvim_buf_get_lines(canvas, hunk.start, hunk.start + 1, false)[1]
  t.equal(line .. "\n", hunk.old[1])
  t.left(many - 1)
  t.equal(#vim.fn.getqflist(), many - 1)
  vim.cmd.cclose()
  t.run("AutoResearch undo", "is back in your buffer")
  t.equal(t.text(canvas), before)
  t.left(many)
end)

t.claim("an operator takes a motion, and dot repeats it at the next hunk", function()
  local many = #t.pending()
  go_to(t.pending()[1])
  t.says("reverted", function()
    t.keys("gsl")
  end)
  t.left(many - 1)
  t.run("AutoResearch undo", "is back")
  t.left(many)
  go_to(t.pending()[many])
  t.says("reverted", function()
    t.keys(".")
  end)
  t.left(many - 1)
  t.run("AutoResearch undo", "is back")
  t.left(many)
end)

t.claim("a revert is measured: its price stands in the results", function()
  local hunk = t.pending()[1]
  local price = hunk.experiments[#hunk.experiments]
  go_to(hunk)
  t.run("AutoResearch revert", "reverted .*#%d+; %a+")
  t.run("AutoResearch resume", "")
  t.state("running")
  local measured
  local function look()
    require("autoresearch.client").request(canvas, "autoresearch/history", { folder = t.folder }, function(answer)
      measured = vim.iter(answer.experiments):find(function(e)
        return e.removes == price and e.score
      end)
    end)
  end
  local seen
  t.wait("its price", function()
    if seen ~= t.events.Experiment then
      seen = t.events.Experiment
      look()
    end
    return measured
  end)
  t.equal(measured.reason, "human")
  t.run("AutoResearch pause", "")
  t.state("paused")
end)

t.claim("accept of a selection empties the list", function()
  t.keys("ggVGga")
  t.left(0)
  t.equal(next(t.signs(canvas)), nil)
  t.run("AutoResearch accept all", "nothing waits for review")
end)

t.claim("accept without a hunk, and of an experiment without one, refuse in a sentence", function()
  vim.api.nvim_win_set_cursor(0, { 1, 0 })
  t.run("AutoResearch accept", "no hunk here waits for review")
  t.run("AutoResearch accept 0", "no hunk of #0 waits for review")
  t.run("AutoResearch revert nonsense", "'nonsense' is no experiment; give nothing")
  vim.cmd.buffer(t.buf["program.md"])
  t.run("AutoResearch accept", "go to the hunk in the canvas first")
  vim.cmd.buffer(canvas)
end)

t.claim("an edit by hand is measured on request", function()
  vim.cmd("silent %s/^DEPTH = .*/DEPTH = 9/")
  t.run("AutoResearch measure a deeper model", "queued as #%d+")
  vim.cmd("silent undo")
end)

t.claim(
  "commit refuses while the canvas is not saved, then puts a commit for each accepted experiment on the branch",
  function()
    local function commits()
      local done = vim.system({ "git", "-C", t.folder, "log", "--format=%s" }, { text = true }):wait()
      return vim.split(vim.trim(done.stdout), "\n")
    end
    local _, level = t.run("AutoResearch commit", "train.py")
    t.equal({ level, #commits() }, { vim.log.levels.WARN, 1 })
    vim.cmd("silent write")
    local said = t.run("AutoResearch commit", "committed #%d+, #%d+.* commits on your branch")
    t.equal(#commits(), 1 + tonumber(said:match("(%d+) commits")))
  end
)
