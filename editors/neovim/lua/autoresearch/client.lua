-- The language client: one for each campaign folder, started when it is first needed; requests and commands.
local M = {}

local config = require("autoresearch.config")
local server = require("autoresearch.server")
local status = require("autoresearch.status")
local methods = vim.fn.has("nvim-0.11") == 1 -- a client's functions have become methods

---@class autoresearch.Result what every command of the server answers
---@field ok boolean
---@field message string

---@type table<integer, fun(client: vim.lsp.Client)[]> what waits for a client to be initialized
local waiting = {}
---@type table<integer, string> client → folder
local folders = {}

---Return the folder of a buffer's campaign: the nearest one with a program.md, from the file or the working directory.
---@param buf integer
---@return string?
function M.folder(buf)
  if vim.b[buf].autoresearch_folder then
    return vim.b[buf].autoresearch_folder
  end
  local is_file = vim.bo[buf].buftype == "" and vim.api.nvim_buf_get_name(buf) ~= ""
  local root = is_file and vim.fs.root(buf, "program.md") or vim.fs.root(vim.uv.cwd() or ".", "program.md")
  return root and vim.uv.fs_realpath(root) or nil
end

---Return the path of a folder's canvas.
---@param folder string
---@return string
function M.canvas(folder)
  local known = status.of[folder]
  return vim.fs.joinpath(folder, known and known.canvas or "train.py")
end

---Return the client's configuration, for `vim.lsp.config` and for `vim.lsp.start`.
---@return vim.lsp.ClientConfig
function M.config()
  local capabilities = vim.lsp.protocol.make_client_capabilities()
  capabilities.experimental = { autoresearch = true }
  return {
    name = "autoresearch",
    cmd = function(dispatchers, resolved)
      local command, why = server.find(resolved and resolved.root_dir)
      return vim.lsp.rpc.start(assert(command, why), dispatchers)
    end,
    filetypes = { "python", "markdown", "tsv" },
    root_dir = function(buf, on_dir)
      local root = vim.fs.root(buf, "program.md")
      if root then
        on_dir(vim.uv.fs_realpath(root))
      end
    end,
    capabilities = capabilities,
    commands = require("autoresearch.actions"),
    handlers = status.handlers,
    -- The server believes an edit once it is told of it, so it is told soon.
    flags = { debounce_text_changes = 20 },
    on_init = function(client)
      folders[client.id] = client.config.root_dir
      vim.schedule(function() -- after the buffers that were attached meanwhile have been opened
        for _, act in ipairs(waiting[client.id] or {}) do
          act(client)
        end
        waiting[client.id] = nil
      end)
    end,
    on_exit = function(_, _, id)
      vim.schedule(function()
        local folder = folders[id]
        waiting[id], folders[id] = nil, nil
        if folder then
          status.forget(folder)
        end
      end)
    end,
  }
end

---@param folder string
---@return vim.lsp.Client?
local function running(folder)
  -- Also one that is only starting: without this field it is not among them, and there would be two.
  return vim.iter(vim.lsp.get_clients({ name = "autoresearch", _uninitialized = true })):find(function(client)
    local stopped = methods and client:is_stopped() or (not methods and client.is_stopped())
    return client.config.root_dir == folder and not stopped
  end)
end

---Start the folder's client, or take the one that runs; attach it to a buffer of that folder.
---@param folder string
---@param buf? integer
---@return vim.lsp.Client?, string? why there is none
function M.start(folder, buf)
  local client = running(folder)
  if not client then
    local command, why = server.find(folder)
    if not command then
      return nil, why
    end
    local settings = vim.tbl_extend("force", M.config(), {
      cmd = command,
      root_dir = folder,
      workspace_folders = { { uri = vim.uri_from_fname(folder), name = folder } },
    })
    -- start_client is vim.lsp.start without a buffer; 0.11 gave the latter an option for it.
    local id = methods and vim.lsp.start(settings, { attach = false }) or vim.lsp.start_client(settings)
    client = id and vim.lsp.get_client_by_id(id)
    if not client then
      return nil, ("autoresearch: %s did not start; :LspLog and :checkhealth autoresearch say more"):format(command[1])
    end
  end
  if buf and not vim.lsp.buf_is_attached(buf, client.id) then
    vim.lsp.buf_attach_client(buf, client.id)
  end
  return client
end

---A file below a program.md was opened: start the server, or say once why that cannot be.
---@param buf integer
function M.open(buf)
  local folder = config.get().enabled and M.folder(buf)
  if folder then
    local _, why = M.start(folder, buf)
    if why then
      vim.notify_once(why, vim.log.levels.WARN)
    end
  end
end

---Send a request by a client that runs.
---@param client vim.lsp.Client
---@param buf integer
---@param method string
---@param params table
---@param on_answer lsp.Handler
function M.send(client, buf, method, params, on_answer)
  local attached = vim.api.nvim_buf_is_valid(buf) and vim.lsp.buf_is_attached(buf, client.id) and buf or 0
  if methods then
    client:request(method, params, on_answer, attached)
  else
    client.request(method, params, on_answer, attached)
  end
end

---Ask the server of a buffer's folder, which is started where none runs. A refusal is said, or given to `on_refusal`.
---@param buf integer
---@param method string
---@param params table
---@param on_answer fun(answer: any)
---@param on_refusal? fun(message: string)
function M.request(buf, method, params, on_answer, on_refusal)
  on_refusal = on_refusal or status.refuse
  local folder = M.folder(buf)
  if not folder then
    return on_refusal("no program.md here or above; 'autoresearch init' makes a campaign folder")
  end
  local client, why = M.start(folder)
  if not client then
    return on_refusal(why or "no server")
  end
  local function send(ready)
    M.send(ready, buf, method, params, function(err, given)
      local answer = status.plain(given)
      if err then
        on_refusal(err.message)
      elseif type(answer) ~= "table" or answer.ok == false then
        on_refusal(type(answer) == "table" and answer.message or method .. ": no answer")
      else
        on_answer(answer)
      end
    end)
  end
  if client.initialized and not waiting[client.id] then
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
---@param on_result? fun(result: autoresearch.Result) called when it was done, not when it was refused
function M.exec(buf, name, arguments, on_result)
  local given = vim.tbl_extend("force", { quiet = true }, arguments or {})
  if not given.uri then
    given.folder = given.folder or M.folder(buf)
  end
  local command = { command = "autoresearch." .. name, arguments = { given } }
  M.request(buf, "workspace/executeCommand", command, function(result)
    require("autoresearch.attach").refresh_folder(M.folder(buf))
    if config.get().notify then
      status.notify(result.message)
    end
    if on_result then
      on_result(result)
    end
  end)
end

return M
