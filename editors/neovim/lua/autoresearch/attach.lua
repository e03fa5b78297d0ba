-- What an attached buffer shows: lenses and hints where the version has them, signs; and when these are asked for anew.
local M = {}

local client = require("autoresearch.client")
local config = require("autoresearch.config")
local hunks = require("autoresearch.hunks")
local modern = vim.lsp.codelens.enable ~= nil -- 0.12 asks for lenses by itself

local REFRESH_MS = 40

---@class autoresearch.Attached
---@field client vim.lsp.Client
---@field timer uv.uv_timer_t runs while a refresh was made a moment ago
---@field again boolean something happened meanwhile
---@field shown boolean lenses and hints are on
---@field queued boolean a refresh comes with the next turn of the loop

---@type table<integer, autoresearch.Attached>
local attached = {}

---Return what a buffer is to its campaign.
---@param buf integer
---@return "program"|"canvas"|"results"|nil
function M.role(buf)
  local path = vim.api.nvim_buf_get_name(buf)
  local name = vim.fs.basename(path)
  if name == "program.md" then
    return "program"
  elseif name == "results.tsv" or name:match("^results%-.+%.tsv$") then
    return "results"
  end
  local folder = client.folder(buf)
  return folder and (vim.uv.fs_realpath(path) or path) == client.canvas(folder) and "canvas" or nil
end

---Ask for the lenses of our server alone.
---@param buf integer
---@param lsp vim.lsp.Client
local function lenses(buf, lsp)
  if modern then
    -- It waits for 200 ms without a change: right while one types, long after a command.
    if vim.api.nvim_get_mode().mode:sub(1, 1) ~= "i" then
      vim.lsp.handlers["workspace/codeLens/refresh"](nil, nil, { client_id = lsp.id })
    end
    return
  end
  local params = { textDocument = vim.lsp.util.make_text_document_params(buf) }
  client.send(lsp, buf, "textDocument/codeLens", params, function(err, found)
    if not err and vim.api.nvim_buf_is_loaded(buf) then
      vim.lsp.codelens.clear(lsp.id, buf)
      vim.lsp.codelens.save(found, buf, lsp.id)
      vim.lsp.codelens.display(found, buf, lsp.id)
    end
  end)
end

---At the end of a line there is room for a hunk's lens or for the diagnostic that says the same, not for both.
---@param lsp vim.lsp.Client
local function make_room(lsp)
  local text = vim.diagnostic.config().virtual_text
  if text then
    local quiet = { severity = { min = vim.diagnostic.severity.WARN } }
    text = vim.tbl_extend("force", type(text) == "table" and text or {}, quiet)
    vim.diagnostic.config({ virtual_text = text }, vim.lsp.diagnostic.get_namespace(lsp.id))
  end
end

---@param buf integer
local function show(buf)
  local here, settings, role = attached[buf], config.get(), M.role(buf)
  if not role or not vim.api.nvim_buf_is_loaded(buf) then
    return
  end
  if role == "canvas" then
    hunks.refresh(buf)
  end
  if not here.shown then
    here.shown = true
    if settings.lens and modern then
      vim.lsp.codelens.enable(true, { bufnr = buf })
    elseif settings.lens then
      make_room(here.client)
    end
    if settings.hints then
      vim.lsp.inlay_hint.enable(true, { bufnr = buf })
    end
  end
  if settings.lens then
    lenses(buf, here.client)
  end
end

---Show a buffer anew: at once, and what comes in the next moment together at its end.
---@param buf integer
function M.refresh(buf)
  local here = attached[buf]
  if not here then
    return
  end
  if here.timer:is_active() then
    here.again = true
    return
  end
  show(buf)
  here.timer:start(REFRESH_MS, 0, function()
    vim.schedule(function()
      if attached[buf] == here and here.again then
        here.again = false
        M.refresh(buf)
      end
    end)
  end)
end

---@param folder string?
function M.refresh_folder(folder)
  for buf in pairs(attached) do
    if vim.api.nvim_buf_is_valid(buf) and client.folder(buf) == folder then
      M.refresh(buf)
    end
  end
end

local group = vim.api.nvim_create_augroup("autoresearch.attach", {})
vim.api.nvim_create_autocmd("User", {
  group = group,
  pattern = "AutoResearchStatus",
  callback = function(args)
    M.refresh_folder(args.data.folder)
  end,
})

---@param buf integer
local function detach(buf)
  local here = attached[buf]
  attached[buf] = nil
  here.timer:stop()
  here.timer:close()
  vim.api.nvim_clear_autocmds({ group = group, buffer = buf })
  if vim.api.nvim_buf_is_valid(buf) then
    vim.b[buf].autoresearch_folder = nil
    hunks.clear(buf)
  end
end

---@param buf integer
---@param lsp vim.lsp.Client
function M.attach(buf, lsp)
  if attached[buf] then
    detach(buf)
  end
  local here = { client = lsp, timer = assert(vim.uv.new_timer()), again = false, shown = false, queued = false }
  attached[buf] = here
  vim.b[buf].autoresearch_folder = lsp.config.root_dir
  -- Not TextChanged, which comes for the current buffer only.
  local function changed()
    if attached[buf] ~= here then
      return true
    elseif not here.queued then
      here.queued = true
      vim.schedule(function()
        here.queued = false
        M.refresh(buf)
      end)
    end
  end
  vim.api.nvim_buf_attach(buf, false, { on_lines = changed, on_reload = changed })
  -- The server publishes diagnostics whenever what waits for review has changed, in this editor or in another one.
  vim.api.nvim_create_autocmd("DiagnosticChanged", {
    group = group,
    buffer = buf,
    callback = function()
      M.refresh(buf)
    end,
  })
  vim.api.nvim_create_autocmd("LspDetach", {
    group = group,
    buffer = buf,
    callback = function(args)
      if args.data.client_id == lsp.id then
        detach(buf)
      end
    end,
  })
  require("autoresearch.status").announce("Attach", { buf = buf, client_id = lsp.id })
  M.refresh(buf)
end

return M
