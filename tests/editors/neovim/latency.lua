-- nvim --headless -u init.lua -c 'luafile latency.lua': from the command to the change that a person sees, in a folder
-- made by ledger.py. Prints medians; nothing here passes or fails by a time.
local folder = assert(vim.env.CAMPAIGN)
vim.notify = function() end
local function wait(what, holds)
  assert(vim.wait(60000, holds, 1), "never: " .. what)
end
vim.cmd.edit(folder .. "/train.py")
local buf = vim.api.nvim_get_current_buf()
local hunks = require("autoresearch.hunks")
local function many()
  return hunks.shown[buf] and #hunks.shown[buf].hunks or 0
end
wait("attached", function()
  return #vim.lsp.get_clients({ name = "autoresearch", bufnr = buf }) == 1
end)
wait("review", function()
  return hunks.shown[buf] and hunks.shown[buf].base
end)

local took = {}
local function measure(name, act, holds)
  local began = vim.uv.hrtime()
  act()
  wait(name, holds)
  took[name] = took[name] or {}
  table.insert(took[name], (vim.uv.hrtime() - began) / 1e6)
end
local function line(number)
  return vim.api.nvim_buf_get_lines(buf, number, number + 1, false)[1]
end
local function to_first()
  vim.api.nvim_win_set_cursor(0, { hunks.shown[buf].hunks[1].start + 1, 0 })
end

local before = vim.api.nvim_buf_get_changedtick(buf)
measure("pull: text", function()
  vim.cmd("AutoResearch pull")
end, function()
  return vim.api.nvim_buf_get_changedtick(buf) ~= before
end)
wait("signs", function()
  return many() > 10
end)
for _ = 1, 7 do
  local count = many()
  to_first()
  measure("accept: sign gone", function()
    vim.cmd("AutoResearch accept")
  end, function()
    return many() == count - 1
  end)
end
for _ = 1, 5 do
  local count, at = many(), hunks.shown[buf].hunks[1].start
  local text = line(at)
  to_first()
  measure("revert: old line", function()
    vim.cmd("AutoResearch revert")
  end, function()
    return line(at) ~= text
  end)
  wait("sign gone", function()
    return many() == count - 1
  end)
  vim.wait(3000, function() -- the answer, which names the price, before the next one
    return false
  end, 100)
end
for name, times in vim.spairs(took) do
  table.sort(times)
  io.stdout:write(
    ("%-20s median %6.1f ms, worst %6.1f ms, of %d\n"):format(name, times[math.ceil(#times / 2)], times[#times], #times)
  )
end
vim.cmd("qa!")
