-- What a user's configuration may call. Everything behind it is loaded when it is first used.
local M = {}

---Change settings; see |autoresearch-settings|. Never needed for the defaults.
---@param settings? autoresearch.Config
function M.setup(settings)
  require("autoresearch.config").set(settings)
end

---Return the last status of a buffer's campaign, as the server sent it.
---@param buf? integer
---@return autoresearch.Status?
function M.status(buf)
  if not package.loaded["autoresearch.client"] then
    return nil
  end
  local client = require("autoresearch.client")
  local folder = client.folder(buf or vim.api.nvim_get_current_buf())
  return folder and client.status[folder] or nil
end

---Return one line for 'statusline' (within `%{}`, not `%{%%}`), "" where there is no campaign.
---@param buf? integer
---@return string
function M.statusline(buf)
  local status = M.status(buf)
  local text = status and status.text or ""
  local review = vim.b[buf or 0].autoresearch_status
  if review and review.pending > 0 then
    text = ("%s · %d to review"):format(text, review.pending)
  end
  return text
end

local function here()
  return vim.api.nvim_get_current_buf()
end

function M.next_hunk()
  require("autoresearch.hunks").jump(here(), 1)
end

function M.prev_hunk()
  require("autoresearch.hunks").jump(here(), -1)
end

---@param verb "accept"|"revert"
local function under_cursor(verb)
  local line = vim.api.nvim_win_get_cursor(0)[1]
  require("autoresearch.hunks").review(here(), verb, line, line)
end

function M.accept()
  under_cursor("accept")
end

function M.revert()
  under_cursor("revert")
end

function M.undo()
  local buf = here()
  require("autoresearch.hunks").with_canvas(buf, function(canvas)
    require("autoresearch.client").exec(buf, "undoRevert", { uri = vim.uri_from_bufnr(canvas) })
  end)
end

function M.diff()
  require("autoresearch.diff").base(here())
end

function M.results()
  require("autoresearch.results").open(here())
end

---Show or hide the old lines above each hunk.
function M.toggle_lines()
  local settings = require("autoresearch.config").get()
  settings.virtual_lines = not settings.virtual_lines
  local hunks = require("autoresearch.hunks")
  for buf, answer in pairs(hunks.shown) do
    hunks.draw(buf, answer)
  end
end

return M
