-- Logs, at their end: the daemon's, that of an experiment's run, what the server said. They lie below git's own folder.
local M = {}

local client = require("autoresearch.client")
local status = require("autoresearch.status")
local view = require("autoresearch.view")

---@param folder string
---@return string? the folder of our files, below git's
local function home(folder)
  local command = { "git", "-C", folder, "rev-parse", "--path-format=absolute", "--git-common-dir" }
  local done = vim.system(command, { text = true }):wait()
  return done.code == 0 and vim.fs.joinpath(vim.trim(done.stdout), "autoresearch") or nil
end

---@param buf integer
local function show(buf)
  view.below(buf, 12)
  vim.cmd("normal! G")
end

---Show a log below: of the daemon, of an experiment, or what the `server` said.
---@param buf integer
---@param word string?
---@param experiment integer?
function M.open(buf, word, experiment)
  if word == "server" then
    local lines = vim.split(table.concat(status.log, "\n"), "\n")
    return show(view.buffer("log/server", lines, { folder = client.folder(buf) }))
  end
  local folder = client.folder(buf)
  local root = folder and home(folder)
  if not folder or not root then
    return status.refuse("no campaign here: a program.md in a git repository is needed; 'autoresearch init' makes one")
  end
  local path, name = vim.fs.joinpath(root, "daemon.log"), "the daemon"
  if experiment then
    local known = status.of[folder]
    local runs = vim.fs.joinpath(root, "campaigns", known and known.campaign or "", "experiments", tostring(experiment))
    path, name = vim.fn.glob(runs .. "/run-*/*.log", true, true)[1] or runs, "#" .. experiment
  end
  if vim.fn.filereadable(path) == 0 then
    return status.refuse(("%s has no log yet at %s"):format(name, path))
  end
  local lines = vim.fn.readfile(path)
  if #lines == 0 then
    return status.notify(("%s's log is empty: nothing unusual has happened; %s"):format(name, path))
  end
  show(view.buffer("log/" .. name, lines, { folder = folder }))
end

return M
