-- The language client: where the server is, one client per campaign folder, requests, and what the server says.
-- Holds no campaign state; `status` is the last notification, to be drawn.
local M = {}

local config = require("autoresearch.config")
local modern = vim.fn.has("nvim-0.11") == 1

---@class autoresearch.Status the body of `autoresearch/status`; docs/protocol.md names every field
---@field folder string
---@field state string
---@field text string
---@field canvas? string
---@field experiment? integer
---@field experiments? integer
---@field best? number
---@field best_experiment? integer

---@class autoresearch.Result
---@field ok boolean
---@field message string

---@type table<string, autoresearch.Status> folder → the last status
M.status = {}
---@type string[] what the server logged, the newest last
M.log = {}

---@type table<integer, fun(client: vim.lsp.Client)[]> who waits for a client to be initialized
local waiting = {}

---Return the folder of a buffer's campaign: of its program.md, or of one of our own views.
---@param buf integer
---@return string?
function M.folder(buf)
  if vim.b[buf].autoresearch_folder then
    return vim.b[buf].autoresearch_folder
  end
  local root = vim.api.nvim_buf_get_name(buf) ~= "" and vim.bo[buf].buftype == "" and vim.fs.root(buf, "program.md")
  root = root or vim.fs.root(vim.uv.cwd() or ".", "program.md")
  return root and vim.uv.fs_realpath(root) or nil
end

---Return the server's command for a folder, or nil and where it was looked for.
---@param folder string?
---@return string[]?, string?
function M.find(folder)
  local settings = config.get()
  if settings.cmd then
    if vim.fn.executable(settings.cmd[1]) == 0 then
      return nil, ("autoresearch: 'cmd' names %s, which cannot be run"):format(settings.cmd[1])
    end
    return settings.cmd --[[@as string[] ]]
  end
  local looked = { "PATH" }
  local places = { vim.fn.exepath("autoresearch") }
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
  local hint = "; install it with 'pipx install autoresearch-lsp', or set vim.g.autoresearch = {cmd = {...}}"
  if own and not settings.venv and vim.fn.executable(own) == 1 then
    hint = ("; %s is there: vim.g.autoresearch = {venv = true} lets it run"):format(own)
  end
  return nil, ("autoresearch: no server in %s%s"):format(table.concat(looked, ", "), hint)
end

---@param message string
---@param level? integer
function M.notify(message, level)
  table.insert(M.log, os.date("%H:%M:%S ") .. message)
  local line = message:gsub("%s*\n%s*", " · ")
  -- A message that does not fit beside the command line stops everything with a 'Press ENTER' prompt.
  local room = vim.v.echospace - 1
  if vim.fn.strdisplaywidth(line) > room then
    line = vim.fn.strcharpart(line, 0, math.max(20, room - 1)) .. "…"
  end
  vim.notify(line, level or vim.log.levels.INFO, { title = "AutoResearch" })
end

---Return an answer without `vim.NIL`: what is unknown is absent.
---@param value any
---@return any
local function plain(value)
  if value == vim.NIL then
    return nil
  elseif type(value) == "table" then
    for key, item in pairs(value) do
      value[key] = plain(item)
    end
  end
  return value
end

---@param event string
---@param data table
local function announce(event, data)
  vim.api.nvim_exec_autocmds("User", { pattern = "AutoResearch" .. event, modeline = false, data = data })
end
M.announce = announce

---@param status autoresearch.Status
local function on_status(status)
  local before = M.status[status.folder]
  M.status[status.folder] = status
  announce("Status", status)
  if before then
    if before.experiments ~= status.experiments then
      announce("Experiment", status)
    end
    if before.best_experiment ~= status.best_experiment then
      announce("Best", status)
    end
    if before.state ~= status.state then
      announce("State", status)
    end
  end
  vim.cmd.redrawstatus({ bang = true })
end

local LEVELS = { vim.log.levels.ERROR, vim.log.levels.WARN, vim.log.levels.INFO, vim.log.levels.INFO }

---What a lens or a code action runs here rather than in the server, because Neovim shows it better.
---@type table<string, fun(command: lsp.Command, ctx: table)>
local local_commands = {}
local function here(name, act)
  local_commands["autoresearch." .. name] = function(command, ctx)
    local arguments = (command.arguments or {})[1] or {}
    local buf = arguments.uri and vim.uri_to_bufnr(arguments.uri) or ctx.bufnr
    act(arguments, vim.lsp.get_client_by_id(ctx.client_id), vim.api.nvim_buf_is_loaded(buf) and buf or ctx.bufnr)
  end
end
here("showDiff", function(arguments, _, buf)
  require("autoresearch.diff").experiment(buf, arguments.experiment)
end)
here("showExperiment", function(arguments, _, buf)
  require("autoresearch.diff").details(buf, arguments.experiment)
end)
here("showResults", function(_, _, buf)
  require("autoresearch.results").open(buf)
end)
here("nextHunk", function(_, _, buf)
  require("autoresearch.hunks").jump(buf, 1)
end)
here("previousHunk", function(_, _, buf)
  require("autoresearch.hunks").jump(buf, -1)
end)
-- The rest runs in the server; through here, so that its answer is shown and every view is asked for anew.
local names = "start pause resume stop status pull acceptHunk revertHunk acceptExperiment revertExperiment acceptAll "
  .. "undoRevert measureEdit note report commitAccepted"
for name in names:gmatch("%a+") do
  here(name, function(arguments, _, buf)
    M.exec(buf, name, arguments)
  end)
end

---Return the client's configuration, for `vim.lsp.config` and for `vim.lsp.start`.
---@return vim.lsp.ClientConfig
function M.config()
  local capabilities = vim.lsp.protocol.make_client_capabilities()
  capabilities.experimental = { autoresearch = true }
  return {
    name = "autoresearch",
    cmd = function(dispatchers, resolved)
      local command, why = M.find(resolved and resolved.root_dir)
      assert(command, why)
      return vim.lsp.rpc.start(command, dispatchers)
    end,
    filetypes = { "python", "markdown", "tsv" },
    root_dir = function(buf, on_dir)
      local root = vim.fs.root(buf, "program.md")
      if root then
        on_dir(vim.uv.fs_realpath(root))
      end
    end,
    capabilities = capabilities,
    commands = local_commands,
    flags = { debounce_text_changes = 50 },
    handlers = {
      ["autoresearch/status"] = function(_, status)
        on_status(plain(status))
      end,
      ["window/showMessage"] = function(_, params)
        M.notify(params.message, LEVELS[params.type])
        return vim.NIL
      end,
      ["window/logMessage"] = function(_, params)
        table.insert(M.log, os.date("%H:%M:%S ") .. params.message)
        if #M.log > 1000 then
          M.log = vim.list_slice(M.log, 500)
        end
        return vim.NIL
      end,
    },
    on_init = function(client)
      local queue = waiting[client.id] or {}
      waiting[client.id] = nil
      for _, act in ipairs(queue) do
        act(client)
      end
    end,
  }
end

---@param folder string
---@return vim.lsp.Client?
function M.running(folder)
  for _, client in ipairs(vim.lsp.get_clients({ name = "autoresearch" })) do
    local stopped = modern and client:is_stopped() or (not modern and client.is_stopped())
    if client.config.root_dir == folder and not stopped then
      return client
    end
  end
end

---Start the folder's client, or take the one that runs; attach it to a buffer of that folder.
---@param folder string
---@param buf? integer
---@return vim.lsp.Client?, string?
function M.start(folder, buf)
  local client = M.running(folder)
  if not client then
    local command, why = M.find(folder)
    if not command then
      return nil, why
    end
    local settings = M.config()
    ---@diagnostic disable-next-line: assign-type-mismatch
    settings.cmd, settings.root_dir = command, folder
    settings.workspace_folders = { { uri = vim.uri_from_fname(folder), name = folder } }
    -- start_client is vim.lsp.start without a buffer; 0.11 gave the latter an option for it.
    local id
    if modern then
      id = vim.lsp.start(settings, { attach = false })
    else
      id = vim.lsp.start_client(settings)
    end
    client = id and vim.lsp.get_client_by_id(id)
    if not client then
      return nil, ("autoresearch: %s did not start; see :AutoResearch log server"):format(command[1])
    end
  end
  if buf and not vim.lsp.buf_is_attached(buf, client.id) then
    vim.lsp.buf_attach_client(buf, client.id)
  end
  return client
end

---A file below a program.md was opened: start the server, say once where it was looked for.
---@param buf integer
function M.open(buf)
  if not config.get().enabled then
    return
  end
  local folder = M.folder(buf)
  if folder then
    local _, why = M.start(folder, buf)
    if why then
      vim.notify_once(why, vim.log.levels.WARN)
    end
  end
end

---Send a request to the client of a buffer's folder, which is started where none runs.
---@param buf integer
---@param method string
---@param params table
---@param on_answer fun(result: any)
function M.request(buf, method, params, on_answer)
  local folder = M.folder(buf)
  if not folder then
    M.notify("no program.md here or above; 'autoresearch init' makes a campaign folder", vim.log.levels.ERROR)
    return
  end
  local client, why = M.start(folder)
  if not client then
    M.notify(why or "no server", vim.log.levels.ERROR)
    return
  end
  local function send(ready)
    local attached = vim.api.nvim_buf_is_valid(buf) and vim.lsp.buf_is_attached(buf, ready.id) and buf or 0
    local function answered(err, result)
      if err then
        M.notify(tostring(err.message), vim.log.levels.ERROR)
      else
        on_answer(plain(result))
      end
    end
    if modern then
      ready:request(method, params, answered, attached)
    else
      ready.request(method, params, answered, attached)
    end
  end
  if client.initialized then
    send(client)
  else
    waiting[client.id] = waiting[client.id] or {}
    table.insert(waiting[client.id], send)
  end
end

---Run a command of the server. What it says is shown here, so the server stays quiet.
---@param buf integer
---@param name string without `autoresearch.`
---@param arguments? table
---@param on_result? fun(result: autoresearch.Result)
function M.exec(buf, name, arguments, on_result)
  local given = vim.tbl_extend("force", { quiet = true }, arguments or {})
  if not given.uri and not given.folder then
    given.folder = M.folder(buf)
  end
  M.request(
    buf,
    "workspace/executeCommand",
    { command = "autoresearch." .. name, arguments = { given } },
    function(result)
      if type(result) ~= "table" then
        result = { ok = false, message = name .. ": no answer" }
      end
      if not result.ok then
        M.notify(result.message, vim.log.levels.WARN)
      elseif config.get().notify then
        M.notify(result.message)
      end
      require("autoresearch.attach").refresh_folder(M.folder(buf))
      if on_result then
        on_result(result)
      end
    end
  )
end

return M
