-- Hunks that wait for review: asked from the server for the text as it is, drawn beside it.
local M = {}

local client = require("autoresearch.client")
local config = require("autoresearch.config")
local status = require("autoresearch.status")
local namespace = vim.api.nvim_create_namespace("autoresearch")

---@class autoresearch.Hunk
---@field id string a hash of its content
---@field start integer first line in the buffer, from 0
---@field old string[] lines with their ends
---@field new string[]
---@field experiments integer[] all that wrote it since the accepted base, the last one last
---@field label string `#12 #17 −0.0081`; "" for the user's own

---@class autoresearch.Hunks the answer to `autoresearch/hunks`
---@field tick? integer the buffer's changedtick that it is about
---@field base? string commit of what was accepted
---@field behind integer kept patches that the buffer lacks
---@field hunks autoresearch.Hunk[]
---@field own autoresearch.Hunk[] the user's edits since then

---@type table<integer, autoresearch.Hunks> buffer → the last answer, to be drawn
M.shown = {}

for name, link in pairs({
  AutoResearchAdd = "Added",
  AutoResearchChange = "Changed",
  AutoResearchDelete = "Removed",
  AutoResearchOld = "DiffDelete",
}) do
  vim.api.nvim_set_hl(0, name, { link = link, default = true })
end

---Ask for the hunks of a buffer as it is now.
---@param buf integer
---@param act fun(answer: autoresearch.Hunks)
---@param on_refusal? fun(message: string)
function M.ask(buf, act, on_refusal)
  client.request(buf, "autoresearch/hunks", { uri = vim.uri_from_bufnr(buf) }, act, on_refusal)
end

---Return a hunk's lines without their ends.
---@param lines string[]
---@return string[]
function M.bare(lines)
  return vim.tbl_map(function(line)
    return (line:gsub("\r?\n$", ""))
  end, lines)
end

---Return the first and the last line of a hunk in its buffer, from 1; a deletion has the line below it.
---@param hunk autoresearch.Hunk
---@param buf integer
---@return integer, integer
function M.span(hunk, buf)
  local last = vim.api.nvim_buf_line_count(buf)
  return math.min(hunk.start + 1, last), math.min(hunk.start + math.max(1, #hunk.new), last)
end

---@param buf integer
---@param hunk autoresearch.Hunk
local function draw_signs(buf, hunk)
  local settings = config.get()
  local kind = #hunk.new == 0 and "delete" or #hunk.old == 0 and "add" or "change"
  local first, last = M.span(hunk, buf)
  for line = first, last do
    vim.api.nvim_buf_set_extmark(buf, namespace, line - 1, 0, {
      sign_text = settings.sign_text[kind],
      sign_hl_group = "AutoResearch" .. kind:gsub("^%l", string.upper),
      priority = settings.sign_priority,
    })
  end
end

---@param buf integer
---@param hunk autoresearch.Hunk
local function draw_old(buf, hunk)
  local lines = vim.tbl_map(function(line)
    return { { line == "" and " " or line, "AutoResearchOld" } }
  end, M.bare(hunk.old))
  local below = hunk.start >= vim.api.nvim_buf_line_count(buf) -- deleted at the end: nothing is left to stand above
  local options = { virt_lines = lines, virt_lines_above = not below }
  vim.api.nvim_buf_set_extmark(buf, namespace, M.span(hunk, buf) - 1, 0, options)
end

---Draw what is known of a buffer.
---@param buf integer
function M.draw(buf)
  local settings = config.get()
  vim.api.nvim_buf_clear_namespace(buf, namespace, 0, -1)
  for _, hunk in ipairs(M.shown[buf].hunks) do
    if settings.signs then
      draw_signs(buf, hunk)
    end
    if settings.virtual_lines and #hunk.old > 0 then
      draw_old(buf, hunk)
    end
  end
end

---Return what a person sees of an answer: not the text's version.
---@param answer autoresearch.Hunks
local function facts(answer)
  return { base = answer.base, behind = answer.behind, hunks = answer.hunks, own = answer.own }
end

---Ask and draw; an answer about a text that has moved on is dropped, for the next one is on its way.
---@param buf integer
function M.refresh(buf)
  local tick = vim.api.nvim_buf_get_changedtick(buf)
  local function take(answer)
    if not vim.api.nvim_buf_is_loaded(buf) or vim.api.nvim_buf_get_changedtick(buf) ~= tick then
      return
    end
    local before = M.shown[buf]
    answer.tick = tick
    M.shown[buf] = answer
    local same = before and vim.deep_equal(facts(before), facts(answer))
    vim.b[buf].autoresearch_status = { pending = #answer.hunks, own = #answer.own, behind = answer.behind }
    M.draw(buf)
    if not same then
      vim.cmd.redrawstatus({ bang = true })
      status.announce("Hunks", { buf = buf, pending = #answer.hunks, behind = answer.behind })
    end
  end
  M.ask(buf, take, function()
    take({ behind = 0, hunks = {}, own = {} })
  end)
end

---@param buf integer
function M.clear(buf)
  M.shown[buf] = nil
  vim.b[buf].autoresearch_status = nil
  vim.api.nvim_buf_clear_namespace(buf, namespace, 0, -1)
end

return M
