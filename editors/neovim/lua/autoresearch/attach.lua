-- What an attached buffer shows: lenses and hints where the version has them, signs; and when these are asked for anew.
local M = {}

local config = require("autoresearch.config")
local client = require("autoresearch.client")
local modern_lens = vim.lsp.codelens.enable ~= nil

local REFRESH_MS = 80
---@type table<integer, integer> buffer → client
local attached = {}
---@type table<integer, uv.uv_timer_t>
local timers = {}

---Return what a buffer is to its campaign.
---@param buf integer
---@return "program"|"canvas"|"results"|nil
function M.role(buf)
  local name = vim.api.nvim_buf_get_name(buf)
  local folder = client.folder(buf)
  if vim.fs.basename(name) == "program.md" then
    return "program"
  elseif vim.fs.basename(name) == "results.tsv" then
    return "results"
  elseif folder then
    local status = client.status[folder]
    local canvas = vim.fs.joinpath(folder, status and status.canvas or "train.py")
    return (vim.uv.fs_realpath(name) or name) == canvas and "canvas" or nil
  end
end

---Ask for the lenses of our server alone (Neovim 0.10, 0.11: later ones do it themselves).
---@param buf integer
---@param id integer
local function lenses(buf, id)
  local lsp = vim.lsp.get_client_by_id(id)
  if not lsp then
    return
  end
  local function shown(err, result)
    if err or not vim.api.nvim_buf_is_loaded(buf) then
      return
    end
    vim.lsp.codelens.clear(id, buf)
    vim.lsp.codelens.save(result, buf, id)
    vim.lsp.codelens.display(result, buf, id)
  end
  local params = { textDocument = vim.lsp.util.make_text_document_params(buf) }
  if vim.fn.has("nvim-0.11") == 1 then
    lsp:request("textDocument/codeLens", params, shown, buf)
  else
    lsp.request("textDocument/codeLens", params, shown, buf)
  end
end

---@param buf integer
local function refresh(buf)
  local id = attached[buf]
  if not id or not vim.api.nvim_buf_is_loaded(buf) then
    return
  end
  local role = M.role(buf)
  if not role then
    return
  end
  local settings = config.get()
  if settings.lens and not modern_lens then
    lenses(buf, id)
  end
  if role == "canvas" then
    require("autoresearch.hunks").refresh(buf)
  end
  if not vim.b[buf].autoresearch_shown then
    vim.b[buf].autoresearch_shown = true
    if settings.lens and modern_lens then
      vim.lsp.codelens.enable(true, { bufnr = buf })
    end
    if settings.hints then
      vim.lsp.inlay_hint.enable(true, { bufnr = buf })
    end
  end
end

---Show a buffer anew, soon; what comes meanwhile is one refresh.
---@param buf integer
function M.refresh(buf)
  if not attached[buf] then
    return
  end
  local timer = timers[buf]
  if not timer then
    timer = assert(vim.uv.new_timer())
    timers[buf] = timer
  end
  if not timer:is_active() then
    timer:start(REFRESH_MS, 0, function()
      vim.schedule(function()
        refresh(buf)
      end)
    end)
  end
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
function M.detach(buf)
  attached[buf] = nil
  local timer = timers[buf]
  timers[buf] = nil
  if timer and not timer:is_closing() then
    timer:stop()
    timer:close()
  end
  vim.api.nvim_clear_autocmds({ group = group, buffer = buf })
  if vim.api.nvim_buf_is_valid(buf) then
    vim.b[buf].autoresearch_shown = nil
    require("autoresearch.hunks").clear(buf)
  end
end

---@param buf integer
---@param lsp vim.lsp.Client
function M.attach(buf, lsp)
  attached[buf] = lsp.id
  vim.api.nvim_clear_autocmds({ group = group, buffer = buf })
  vim.api.nvim_create_autocmd({ "TextChanged", "InsertLeave", "TextChangedI", "DiagnosticChanged", "BufWritePost" }, {
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
      if args.data.client_id == attached[buf] then
        M.detach(buf)
      end
    end,
  })
  client.announce("Attach", { buf = buf, client_id = lsp.id })
  M.refresh(buf)
end

return M
