-- `:checkhealth autoresearch`: the editor's side here, the machine's side by `autoresearch doctor`.
local M = {}

---@param command string[]
---@return vim.SystemCompleted
local function run(command)
  local ok, done = pcall(function()
    return vim.system(command, { text = true }):wait(30000)
  end)
  return ok and done or { code = 1, stdout = "", stderr = tostring(done), signal = 0 }
end

---@param folder string
---@param program string
local function doctor(folder, program)
  local done = run({ program, "doctor", "--json", "-C", folder })
  local ok, checks = pcall(vim.json.decode, done.stdout or "", { luanil = { object = true } })
  if not ok or type(checks) ~= "table" then
    return vim.health.error("autoresearch doctor: " .. vim.trim(done.stderr or "no answer"))
  end
  local say = { ok = vim.health.ok, warn = vim.health.warn, fail = vim.health.error }
  for _, check in ipairs(checks) do
    local tell = say[check.level] or vim.health.info
    local text = ("%s: %s"):format(check.name, check.finding)
    if check.next_step and check.next_step ~= "" then
      text = text .. "\n" .. check.next_step
    end
    tell(text)
  end
end

function M.check()
  local client = require("autoresearch.client")
  vim.health.start("autoresearch: editor")
  local version = vim.version()
  local text = ("Neovim %d.%d.%d"):format(version.major, version.minor, version.patch)
  if vim.fn.has("nvim-0.10") == 1 then
    vim.health.ok(text)
  else
    vim.health.error(text .. ": 0.10 or newer is needed")
  end
  local problem = require("autoresearch.config").problem(vim.g.autoresearch or {})
  if problem then
    vim.health.error(problem)
  else
    vim.health.ok("settings are valid")
  end
  vim.health.info(vim.lsp.codelens.enable and "lenses: drawn above the line" or "lenses: drawn at the end of the line")

  vim.health.start("autoresearch: server")
  local folder = client.folder(vim.api.nvim_get_current_buf()) -- of the working directory: the report is current
  local command, why = require("autoresearch.server").find(folder)
  if not command then
    return vim.health.error(why or "no server")
  end
  local told = run({ command[1], "--version" })
  if told.code ~= 0 then
    return vim.health.error(("%s does not run: %s"):format(command[1], vim.trim(told.stderr or "")))
  end
  vim.health.ok(("%s (%s)"):format(vim.trim(told.stdout), table.concat(command, " ")))
  local running = vim.lsp.get_clients({ name = "autoresearch" })
  local folders = { folder }
  for _, one in ipairs(running) do
    if not vim.list_contains(folders, one.config.root_dir) then
      table.insert(folders, one.config.root_dir)
    end
    vim.health.ok(("client %d looks after %s"):format(one.id, one.config.root_dir))
  end
  if #running == 0 then
    vim.health.info("no client runs; open a program.md, or a file beside one")
  end

  if #folders == 0 then
    vim.health.start("autoresearch: campaign")
    return vim.health.warn("no program.md here or above: 'autoresearch init' makes a campaign folder")
  end
  for _, one in ipairs(folders) do
    vim.health.start("autoresearch: campaign in " .. one)
    local status = require("autoresearch.status").of[one]
    vim.health.info(status and status.text ~= "" and status.text or "no campaign yet")
    doctor(one, command[1])
  end
end

return M
