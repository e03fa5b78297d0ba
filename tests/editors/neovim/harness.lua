-- What the claims are made with: one Neovim, one campaign, waiting with a deadline for what must come.
local M = {
  folder = assert(vim.env.CAMPAIGN, "CAMPAIGN names the folder"),
  root = assert(vim.env.AUTORESEARCH_ROOT, "AUTORESEARCH_ROOT names the checkout"),
  said = {}, ---@type { [1]: string, [2]: integer }[]
  events = {}, ---@type table<string, integer>
  buf = {}, ---@type table<string, integer> file → buffer
}

local DEADLINE_MS = 90000
local count = 0

vim.notify = function(message, level)
  table.insert(M.said, { message, level or vim.log.levels.INFO })
end
for _, name in ipairs({ "Attach", "Status", "Experiment", "Best", "State", "Hunks" }) do
  vim.api.nvim_create_autocmd("User", {
    pattern = "AutoResearch" .. name,
    callback = function()
      M.events[name] = (M.events[name] or 0) + 1
    end,
  })
end
vim.api.nvim_create_autocmd("LspProgress", {
  callback = function()
    M.events.Progress = (M.events.Progress or 0) + 1
  end,
})

local function out(text)
  io.stdout:write(text .. "\n")
end

local function last_said()
  local lines = vim.tbl_map(function(one)
    return one[1]
  end, vim.list_slice(M.said, math.max(1, #M.said - 8)))
  return "last said:\n  " .. table.concat(lines, "\n  ")
end

---Return the first true value of `holds`, which is asked every few milliseconds; fails at the deadline.
function M.wait(what, holds, every_ms)
  local value
  vim.wait(DEADLINE_MS, function()
    value = holds()
    return value and true or false
  end, every_ms or 10)
  value = value or holds() -- once more: we may have been suspended until the deadline
  if not value then
    error(("never: %s\n%s"):format(what, last_said()), 0)
  end
  return value
end

---Run a claim; end with 1 where it does not hold.
function M.claim(name, act)
  count = count + 1
  local ok, why = xpcall(act, function(err)
    return type(err) == "string" and (err:match("^never") and err or debug.traceback(err, 2)) or vim.inspect(err)
  end)
  out(("%s %s"):format(ok and "ok  " or "FAIL", name))
  if not ok then
    out(why)
    vim.cmd("cquit 1")
  end
end

function M.finish()
  out(("Neovim %s: %d claims hold"):format(tostring(vim.version()), count))
  vim.cmd("qa!")
end

function M.equal(found, expected)
  if not vim.deep_equal(found, expected) then
    error(("expected %s, got %s\n%s"):format(vim.inspect(expected), vim.inspect(found), last_said()), 2)
  end
end

---Wait until something is said that matches; return it and its level.
function M.says(pattern, act)
  local before = #M.said
  act()
  local one = M.wait("said: " .. pattern, function()
    return vim.iter(vim.list_slice(M.said, before + 1)):find(function(message)
      return message[1]:find(pattern)
    end)
  end)
  return one[1], one[2]
end

---Run a command and return what is said then.
function M.run(line, pattern)
  return M.says(pattern, function()
    vim.cmd(line)
  end)
end

---Press keys, mapped ones included, and be done with them.
function M.keys(keys)
  vim.api.nvim_feedkeys(vim.keycode(keys), "mx", false)
end

function M.edit(name)
  vim.cmd.edit(vim.fn.fnameescape(M.folder .. "/" .. name))
  M.buf[name] = vim.api.nvim_get_current_buf()
  return M.buf[name]
end

function M.status()
  return require("autoresearch").status() or {}
end

function M.state(name)
  M.wait(name, function()
    return M.status().state == name
  end)
end

function M.text(buf)
  return table.concat(vim.api.nvim_buf_get_lines(buf, 0, -1, false), "\n")
end

---Return the hunks that wait in the canvas as its text is now.
function M.pending()
  M.wait("hunks of the text as it is", function()
    local buf = M.buf["train.py"]
    local shown = require("autoresearch.hunks").shown[buf]
    return shown and shown.tick == vim.api.nvim_buf_get_changedtick(buf)
  end)
  local shown = require("autoresearch.hunks").shown[M.buf["train.py"]]
  return shown and shown.hunks or {}
end

---Wait until so many hunks wait.
function M.left(many)
  M.wait(many .. " hunks", function()
    local shown = require("autoresearch.hunks").shown[M.buf["train.py"]]
    return shown and #shown.hunks == many
  end)
end

local function marks(buf)
  local namespace = vim.api.nvim_get_namespaces()["autoresearch"]
  return namespace and vim.api.nvim_buf_get_extmarks(buf, namespace, 0, -1, { details = true }) or {}
end

---Return line → sign of a buffer.
function M.signs(buf)
  local found = {}
  for _, mark in ipairs(marks(buf)) do
    if mark[4].sign_text then
      found[mark[2] + 1] = vim.trim(mark[4].sign_text)
    end
  end
  return found
end

function M.has_virtual_lines(buf)
  return vim.iter(marks(buf)):any(function(mark)
    return mark[4].virt_lines ~= nil
  end)
end

function M.lenses(buf)
  local titles = {}
  local found = vim.lsp.codelens.enable and vim.lsp.codelens.get({ bufnr = buf }) or vim.lsp.codelens.get(buf)
  for _, one in ipairs(found) do
    local lens = one.lens or one
    table.insert(titles, lens.command and lens.command.title or "?")
  end
  return table.concat(titles, " | ")
end

---Wait until a lens of a buffer has these words.
function M.lens(buf, words)
  M.wait("lens " .. words, function()
    return M.lenses(buf):find(words, 1, true)
  end)
end

function M.windows()
  return #vim.api.nvim_tabpage_list_wins(0)
end

function M.client()
  return vim.lsp.get_clients({ name = "autoresearch" })[1]
end

return M
