-- What the server says unasked: the status of each campaign, messages, its log; and how any of it reaches the user.
-- Holds no campaign state: a status is the last one that was sent, to be drawn.
local M = {}

---@class autoresearch.Status the body of `autoresearch/status`; docs/protocol.md names every field
---@field folder string
---@field state string
---@field text string the line for people
---@field campaign? string
---@field campaigns string[]
---@field canvas? string
---@field experiment? integer
---@field experiments? integer how many are judged
---@field last? integer the highest number, judged or not
---@field keeps? integer
---@field waiting? integer
---@field best? number
---@field best_experiment? integer
---@field headline? string what is verified, or that nothing is yet

---@type table<string, autoresearch.Status> folder → the last status
M.of = {}
---@type string[] what was said, the newest last
M.log = {}

---Return what the server sent without `vim.NIL`: what is unknown is absent.
---@param value any
---@return any
function M.plain(value)
  if value == vim.NIL then
    return nil
  elseif type(value) == "table" then
    for key, item in pairs(value) do
      value[key] = M.plain(item)
    end
  end
  return value
end

local KEPT = 1000 -- lines of the log

---@param line string
local function remember(line)
  table.insert(M.log, os.date("%H:%M:%S ") .. line)
  if #M.log > KEPT then
    M.log = vim.list_slice(M.log, KEPT / 2)
  end
end

---Say something on one line; all of it is in `:AutoResearch log server`.
---@param message string
---@param level? integer
function M.notify(message, level)
  remember(message)
  local line = message:gsub("%s*\n%s*", " · ")
  -- A message that does not fit beside the command line stops everything with a 'Press ENTER' prompt.
  local room = vim.v.echospace - 1
  if vim.fn.strdisplaywidth(line) > room then
    line = vim.fn.strcharpart(line, 0, math.max(20, room - 1)) .. "…"
  end
  vim.notify(line, level or vim.log.levels.INFO, { title = "AutoResearch" })
end

---@param message string
function M.refuse(message)
  M.notify(message, vim.log.levels.WARN)
end

---Run the autocommands of a `User AutoResearch…` event.
---@param event string
---@param data table
function M.announce(event, data)
  vim.api.nvim_exec_autocmds("User", { pattern = "AutoResearch" .. event, modeline = false, data = data })
end

---@param status autoresearch.Status
local function take(status)
  local before = M.of[status.folder]
  M.of[status.folder] = status
  M.announce("Status", status)
  for event, field in pairs({ Experiment = "experiments", Best = "best_experiment", State = "state" }) do
    if before and before[field] ~= status[field] then
      M.announce(event, status)
    end
  end
  vim.cmd.redrawstatus({ bang = true })
end

---The server of a folder is gone: nobody knows how its campaign continues.
---@param folder string
function M.forget(folder)
  M.of[folder] = nil
  vim.cmd.redrawstatus({ bang = true })
end

---Return the status for a buffer: of the campaign that it belongs to, else of the one around the working directory.
---Called at every redraw, so it asks no file system.
---@param buf integer
---@return autoresearch.Status?
function M.near(buf)
  local folder = vim.b[buf].autoresearch_folder
  if folder then
    return M.of[folder]
  end
  for _, path in ipairs({ vim.api.nvim_buf_get_name(buf), vim.uv.cwd() or "" }) do
    for known, status in pairs(M.of) do
      if vim.startswith(path .. "/", known .. "/") then
        return status
      end
    end
  end
end

local LEVELS = { vim.log.levels.ERROR, vim.log.levels.WARN, vim.log.levels.INFO, vim.log.levels.INFO }

---@type table<string, lsp.Handler>
M.handlers = {
  ["autoresearch/status"] = function(_, status)
    take(M.plain(status))
  end,
  ["window/showMessage"] = function(_, params)
    M.notify(params.message, LEVELS[params.type])
    return vim.NIL
  end,
  ["window/logMessage"] = function(_, params)
    remember(params.message)
    return vim.NIL
  end,
}

return M
