-- `:AutoResearch`: runs a subcommand, completes its name and what it takes.
local M = {}

local client = require("autoresearch.client")
local status = require("autoresearch.status")
local subcommands = require("autoresearch.subcommands")

---@return string[]
local function names()
  local found = vim.tbl_keys(subcommands)
  table.sort(found)
  return found
end

---@param call table what nvim_create_user_command gives
function M.run(call)
  local name = call.fargs[1] or "status"
  local subcommand = subcommands[name]
  if not subcommand then
    return status.notify(
      ("no subcommand '%s'; there are: %s"):format(name, table.concat(names(), " ")),
      vim.log.levels.ERROR
    )
  end
  subcommand.run({
    buf = vim.api.nvim_get_current_buf(),
    args = vim.list_slice(call.fargs, 2),
    bang = call.bang,
    range = call.range,
    line1 = call.line1,
    line2 = call.line2,
  })
end

---Complete a command line: what is before the cursor decides.
---@param lead string
---@param line string
---@param cursor integer
---@return string[]
function M.complete(lead, line, cursor)
  local name = line:sub(1, cursor):match("AutoResearch!?%s+(%S+)%s")
  local found = names()
  if name then
    local buf = vim.api.nvim_get_current_buf()
    local subcommand = subcommands[name]
    found = subcommand and subcommand.complete and subcommand.complete(buf, client.folder(buf)) or {}
  end
  return vim.tbl_filter(function(word)
    return vim.startswith(word, lead)
  end, found)
end

return M
