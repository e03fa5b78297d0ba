local t = require("harness")

local canvas = t.buf["train.py"]

local function line(number)
  return vim.api.nvim_buf_get_lines(0, number - 1, number, false)[1]
end

---Put the cursor on the row of an experiment.
local function row(number)
  for n, text in ipairs(vim.api.nvim_buf_get_lines(0, 0, -1, false)) do
    if text:match("^#" .. number .. " ") then
      vim.api.nvim_win_set_cursor(0, { n, 0 })
      return true
    end
  end
end

local function open()
  vim.cmd("AutoResearch results")
  t.wait("rows", function()
    return vim.bo.filetype == "autoresearch-results" and vim.api.nvim_buf_line_count(0) > 5
  end)
end

t.claim("every experiment has a line, sorted and filtered by keys; the cursor stays on its experiment", function()
  open()
  assert(vim.api.nvim_get_current_line():match("^#0 "), "the cursor begins on a row")
  assert(line(2):match("^# ▲"), line(2))
  assert(line(3):match("^#0 "), line(3))
  row(1)
  t.keys("s")
  assert(line(2):match("score ▲"), line(2))
  assert(vim.api.nvim_get_current_line():match("^#1 "))
  local best = tonumber(line(3):match("^#%d+%s+([%d.]+)"))
  assert(math.abs(best - t.status().best) < 1e-3, best)
  t.keys("S")
  assert(line(2):match("score ▼"), line(2))
  assert(tonumber(line(3):match("^#%d+%s+([%d.]+)")) > best)
  t.keys("f")
  for number = 3, vim.api.nvim_buf_line_count(0) do
    local price = line(number):match("Without #") -- what a revert cost is adopted, and no gain
    local words = line(number):match("^#0 ") and "✓ baseline" or price and "▽ keep, revert of #" or "✓ keep, "
    assert(line(number):find(words, 1, true), line(number))
  end
  t.keys("ffff")
  t.equal(row(0), true)
end)

t.claim("y copies a row, K shows the details, <CR> opens the diff and q comes back", function()
  local buf = vim.api.nvim_get_current_buf()
  row(1)
  t.keys("y")
  local copied = vim.fn.getreg('"')
  assert(copied:match("^| #1 | %x+ | [%d.]+ | .+ | keep, %l+ | .+ |\n$"), copied)
  t.keys("<CR>")
  t.wait("diff tab", function()
    return #vim.api.nvim_list_tabpages() == 2 and vim.wo.diff and t.windows() == 2
  end)
  t.keys("q")
  t.equal(vim.api.nvim_get_current_buf(), buf)
end)

t.claim("r and a review an experiment, p restores one", function()
  row(0)
  for _, key in ipairs({ "r", "a" }) do
    t.says("no hunk of #0 waits for review", function()
      t.keys(key)
    end)
  end
  t.says("#0 is in your buffer", function()
    t.keys("p")
  end)
  t.equal(t.text(canvas), t.original)
end)

t.claim("the table is live: a campaign that runs adds its rows", function()
  local before = vim.api.nvim_buf_line_count(0)
  t.run("AutoResearch resume", "")
  t.wait("a new row", function()
    return vim.api.nvim_buf_line_count(0) > before
  end)
  t.run("AutoResearch pause", "")
  t.state("paused")
end)

t.claim("it asks anew once anything that it shows has moved, and only then", function()
  local client, asked = require("autoresearch.client"), 0
  local function tell(change)
    local data = vim.tbl_extend("force", t.status(), change)
    vim.api.nvim_exec_autocmds("User", { pattern = "AutoResearchStatus", data = data })
  end
  tell({})
  local request = client.request
  -- The canvas, too, asks anew at a status, for its hunks, unless it did so a moment ago.
  client.request = function(_, method)
    asked = asked + (method == "autoresearch/history" and 1 or 0)
  end
  tell({ text = "another line" })
  local before = asked
  for _, change in ipairs({ { waiting = 99 }, { keeps = 99 }, { state = "stopped" } }) do
    tell(change)
  end
  client.request = request
  t.equal({ before, asked }, { 0, 3 })
  tell({})
end)

t.claim("it can be closed and opened again, and in the only window q goes back", function()
  t.keys("q")
  t.equal(vim.api.nvim_get_current_buf(), canvas)
  open()
  vim.cmd.only()
  t.keys("q")
  t.equal(vim.api.nvim_get_current_buf(), canvas)
  open()
  t.equal(t.windows(), 2)
  vim.cmd("bwipeout")
  open() -- anew, with its keys
  t.keys("q")
  t.equal(vim.api.nvim_get_current_buf(), canvas)
end)
