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
  local status = package.loaded["autoresearch.status"]
  return status and status.near(buf or vim.api.nvim_get_current_buf())
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

---@param count? integer
function M.next_hunk(count)
  require("autoresearch.review").jump(here(), count or vim.v.count1)
end

---@param count? integer
function M.prev_hunk(count)
  require("autoresearch.review").jump(here(), -(count or vim.v.count1))
end

---@param verb "accept"|"revert"
local function under_cursor(verb)
  local line = vim.api.nvim_win_get_cursor(0)[1]
  require("autoresearch.review").review(here(), verb, line, line)
end

function M.accept()
  under_cursor("accept")
end

function M.revert()
  under_cursor("revert")
end

function M.undo()
  require("autoresearch.review").exec(here(), "undoRevert")
end

---Select the hunk under the cursor: a text object.
function M.select_hunk()
  require("autoresearch.review").select()
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
  for buf in pairs(hunks.shown) do
    hunks.draw(buf)
  end
end

return M
