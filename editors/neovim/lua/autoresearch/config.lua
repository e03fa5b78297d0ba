-- Settings: defaults, what the user gave, and a check of both. `vim.g.autoresearch` or `setup()`, whichever comes last.
local M = {}

---@class autoresearch.Config
---@field enabled boolean start the server by itself in files below a program.md
---@field cmd string[]|false the server's command; false finds it
---@field venv boolean also look in the campaign's own .venv, which runs code that came with the folder
---@field lens boolean show code lenses
---@field hints boolean show inlay hints
---@field signs boolean show a sign beside each line that waits for review
---@field virtual_lines boolean show the old lines above each hunk
---@field sign_text { add: string, change: string, delete: string } at most two cells each
---@field sign_priority integer
---@field notify boolean show what a command did; refusals are always shown

---@type autoresearch.Config
M.defaults = {
  enabled = true,
  cmd = false,
  venv = false,
  lens = true,
  hints = true,
  signs = true,
  virtual_lines = false,
  sign_text = { add = "┃+", change = "┃~", delete = "┃-" },
  sign_priority = 20,
  notify = true,
}

---@type autoresearch.Config?
local current

---Return what is wrong with the given settings, nil where nothing is.
---@param given table
---@return string?
function M.problem(given)
  for key, value in pairs(given) do
    local default = M.defaults[key]
    if default == nil then
      return ("autoresearch: there is no setting '%s'; see :help autoresearch-settings"):format(key)
    end
    local wanted = key == "cmd" and { "table", "boolean" } or { type(default) }
    if not vim.list_contains(wanted, type(value)) then
      return ("autoresearch: '%s' must be a %s, not a %s"):format(key, wanted[1], type(value))
    end
  end
end

---Take in the user's settings; raises an error that names the one that is wrong.
---@param given? table
function M.set(given)
  given = given or {}
  local problem = M.problem(given)
  if problem then
    error(problem, 0)
  end
  current = vim.tbl_deep_extend("force", M.defaults, given)
end

---@return autoresearch.Config
function M.get()
  if not current then
    local given = vim.g.autoresearch or {}
    local problem = M.problem(given)
    if problem then
      vim.notify(problem, vim.log.levels.ERROR)
      given = {}
    end
    M.set(given)
  end
  return current --[[@as autoresearch.Config]]
end

return M
