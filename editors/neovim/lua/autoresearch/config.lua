-- Settings: defaults, what the user gave, and a check of it. `vim.g.autoresearch` or `setup()`, whichever comes last.
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
---@field notify boolean say what a command did; refusals are always said

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

---@param value any
local function is_command(value)
  return value == false
    or vim.islist(value)
      and #value > 0
      and vim.iter(value):all(function(word)
        return type(word) == "string"
      end)
end

---@param value any
local function is_sign_text(value)
  return type(value) == "table"
    and vim.iter(pairs(value)):all(function(kind, text)
      return M.defaults.sign_text[kind] and type(text) == "string" and vim.fn.strdisplaywidth(text) <= 2
    end)
end

---@type table<string, { [1]: fun(value: any): boolean, [2]: string }>
local CHECKS = {
  cmd = { is_command, 'a list such as { "autoresearch", "lsp" }, or false' },
  sign_text = { is_sign_text, "a table with add, change, delete, of at most two cells each" },
}

---Return what is wrong with the given settings, nil where nothing is.
---@param given any
---@return string?
function M.problem(given)
  if type(given) ~= "table" then
    return ("autoresearch: settings must be a table, not a %s"):format(type(given))
  end
  for key, value in vim.spairs(given) do
    local default = M.defaults[key]
    if default == nil then
      return ("autoresearch: there is no setting '%s'; see :help autoresearch-settings"):format(key)
    end
    local check = CHECKS[key]
    local good = check and check[1](value) or not check and type(value) == type(default)
    if not good then
      local wanted = check and check[2] or "a " .. type(default)
      return ("autoresearch: '%s' must be %s, not %s"):format(key, wanted, vim.inspect(value))
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
