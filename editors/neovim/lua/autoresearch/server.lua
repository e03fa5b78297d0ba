-- Where the server's program is: as the user set it, in PATH, in the active virtual environment or the campaign's own.
local M = {}

local config = require("autoresearch.config")

---Return the server's command for a folder, or nil and where it was looked for.
---@param folder string?
---@return string[]?, string?
function M.find(folder)
  local settings = config.get()
  if settings.cmd then
    local command = settings.cmd --[[@as string[] ]]
    if vim.fn.executable(command[1]) == 0 then
      return nil, ("autoresearch: 'cmd' names %s, which cannot be run"):format(command[1])
    end
    return command
  end
  local looked, places = { "PATH" }, { vim.fn.exepath("autoresearch") }
  if vim.env.VIRTUAL_ENV then
    table.insert(looked, "$VIRTUAL_ENV")
    table.insert(places, vim.fs.joinpath(vim.env.VIRTUAL_ENV, "bin", "autoresearch"))
  end
  local own = folder and vim.fs.joinpath(folder, ".venv", "bin", "autoresearch")
  if own and settings.venv then
    table.insert(looked, own)
    table.insert(places, own)
  end
  for _, place in ipairs(places) do
    if place ~= "" and vim.fn.executable(place) == 1 then
      return { place, "lsp" }
    end
  end
  local hint = "install it with 'pipx install autoresearch-lsp', or set vim.g.autoresearch = { cmd = { ... } }"
  if own and not settings.venv and vim.fn.executable(own) == 1 then
    hint = ("%s is there: vim.g.autoresearch = { venv = true } lets it run"):format(own)
  end
  return nil, ("autoresearch: no server in %s; %s"):format(table.concat(looked, ", "), hint)
end

return M
