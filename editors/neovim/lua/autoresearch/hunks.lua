-- Hunks that wait for review: asked from the server for the text as it is, drawn, walked, accepted, reverted.
local M = {}

local config = require("autoresearch.config")
local client = require("autoresearch.client")
local namespace = vim.api.nvim_create_namespace("autoresearch")

---@class autoresearch.Hunk
---@field id string a hash of its content
---@field start integer first line in the buffer, from 0
---@field old string[] lines with their ends
---@field new string[]
---@field experiments integer[]

---@class autoresearch.Hunks the answer to `autoresearch/hunks`
---@field version integer
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
function M.ask(buf, act)
  client.request(buf, "autoresearch/hunks", { uri = vim.uri_from_bufnr(buf) }, function(answer)
    if type(answer) ~= "table" or answer.ok == false then
      act({ version = 0, behind = 0, hunks = {}, own = {} })
    else
      act(answer)
    end
  end)
end

---@param hunk autoresearch.Hunk
---@return "add"|"change"|"delete"
local function kind(hunk)
  return #hunk.new == 0 and "delete" or #hunk.old == 0 and "add" or "change"
end

---@param lines string[]
local function bare(lines)
  return vim.tbl_map(function(line)
    return (line:gsub("\r?\n$", ""))
  end, lines)
end

---@param buf integer
---@param answer autoresearch.Hunks
function M.draw(buf, answer)
  local settings = config.get()
  local last = vim.api.nvim_buf_line_count(buf) - 1
  vim.api.nvim_buf_clear_namespace(buf, namespace, 0, -1)
  for _, hunk in ipairs(answer.hunks) do
    local sort = kind(hunk)
    local group = "AutoResearch" .. sort:gsub("^%l", string.upper)
    for line = hunk.start, hunk.start + math.max(1, #hunk.new) - 1 do
      if settings.signs then
        vim.api.nvim_buf_set_extmark(buf, namespace, math.min(line, last), 0, {
          sign_text = settings.sign_text[sort],
          sign_hl_group = group,
          priority = settings.sign_priority,
        })
      end
    end
    if settings.virtual_lines and #hunk.old > 0 then
      local old = vim.tbl_map(function(line)
        return { { line == "" and " " or line, "AutoResearchOld" } }
      end, bare(hunk.old))
      local below = hunk.start > last
      local options = { virt_lines = old, virt_lines_above = not below }
      vim.api.nvim_buf_set_extmark(buf, namespace, math.min(hunk.start, last), 0, options)
    end
  end
end

---Ask and draw; an answer about a text that has moved on is dropped, for the next one is on its way.
---@param buf integer
function M.refresh(buf)
  local tick = vim.api.nvim_buf_get_changedtick(buf)
  M.ask(buf, function(answer)
    if not vim.api.nvim_buf_is_loaded(buf) or vim.api.nvim_buf_get_changedtick(buf) ~= tick then
      return
    end
    local same = vim.deep_equal(M.shown[buf], answer)
    M.shown[buf] = answer
    vim.b[buf].autoresearch_status = { pending = #answer.hunks, own = #answer.own, behind = answer.behind }
    M.draw(buf, answer)
    if not same then
      vim.cmd.redrawstatus({ bang = true })
      client.announce("Hunks", { buf = buf, pending = #answer.hunks, behind = answer.behind })
    end
  end)
end

---@param buf integer
function M.clear(buf)
  M.shown[buf] = nil
  vim.b[buf].autoresearch_status = nil
  vim.api.nvim_buf_clear_namespace(buf, namespace, 0, -1)
end

---Move the cursor to the next or the previous hunk, from the last one on to the first.
---@param buf integer
---@param step 1|-1
function M.jump(buf, step)
  M.ask(buf, function(answer)
    local many = #answer.hunks
    if many == 0 then
      return client.notify("nothing waits for review")
    end
    local line = vim.api.nvim_win_get_cursor(0)[1] - 1
    local place = step == 1 and 1 or many
    for k = step == 1 and many or 1, step == 1 and 1 or many, -step do
      local start = answer.hunks[k].start
      if (step == 1 and start > line) or (step == -1 and start < line) then
        place = k
      end
    end
    local hunk = answer.hunks[place]
    vim.cmd("normal! m'")
    vim.api.nvim_win_set_cursor(0, { math.min(hunk.start + 1, vim.api.nvim_buf_line_count(0)), 0 })
    vim.cmd("normal! zv")
    local names = vim.tbl_map(function(n)
      return "#" .. n
    end, hunk.experiments)
    client.notify(("hunk %d of %d · %s"):format(place, many, table.concat(names, " ")))
  end)
end

---@param hunk autoresearch.Hunk
---@param first integer from 0
---@param last integer
local function touches(hunk, first, last)
  return hunk.start <= last and hunk.start + math.max(1, #hunk.new) > first
end

---Return the hunks of `answer` that are the one seen before: the same id, or the same text nearest to its place.
---@param answer autoresearch.Hunks
---@param wanted autoresearch.Hunk
---@return autoresearch.Hunk?
local function again(answer, wanted)
  local near
  for _, hunk in ipairs(answer.hunks) do
    if hunk.id == wanted.id then
      return hunk
    end
    if vim.deep_equal(hunk.new, wanted.new) and vim.deep_equal(hunk.old, wanted.old) then
      if not near or math.abs(hunk.start - wanted.start) < math.abs(near.start - wanted.start) then
        near = hunk
      end
    end
  end
  return near
end

---Accept or revert the hunks of a range one after the other, the lowest first: those above keep their place.
---@param buf integer
---@param verb "accept"|"revert"
---@param first integer line from 1
---@param last integer
function M.review(buf, verb, first, last)
  M.ask(buf, function(answer)
    local todo = vim.tbl_filter(function(hunk)
      return touches(hunk, first - 1, last - 1)
    end, answer.hunks)
    if #todo == 0 then
      return client.notify("no hunk here waits for review", vim.log.levels.WARN)
    end
    local function step(now)
      local wanted = table.remove(todo)
      local hunk = wanted and again(now, wanted)
      if not hunk then
        return
      end
      local which = { uri = vim.uri_from_bufnr(buf), hunk = hunk.id, version = now.version, base = now.base }
      client.exec(buf, verb .. "Hunk", which, function(result)
        if result.ok and #todo > 0 then
          M.ask(buf, step)
        end
      end)
    end
    step(answer)
  end)
end

---For `<Plug>` maps: the operator that accepts or reverts the hunks of a motion; dot repeats it.
---@param verb "accept"|"revert"
---@return string
function M.operator(verb)
  vim.o.operatorfunc = ("v:lua.require'autoresearch.hunks'.%s_motion"):format(verb)
  return "g@"
end

for _, verb in ipairs({ "accept", "revert" }) do
  M[verb .. "_motion"] = function()
    local first, last = vim.api.nvim_buf_get_mark(0, "[")[1], vim.api.nvim_buf_get_mark(0, "]")[1]
    M.review(vim.api.nvim_get_current_buf(), verb, first, last)
  end
end

---Put the hunks that wait into the quickfix list and open it.
---@param buf integer
function M.quickfix(buf)
  M.ask(buf, function(answer)
    local items = vim.tbl_map(function(hunk)
      local line = bare(#hunk.new > 0 and hunk.new or hunk.old)[1] or ""
      local names = "#" .. table.concat(hunk.experiments, " #")
      local size = ("-%d +%d"):format(#hunk.old, #hunk.new)
      return { bufnr = buf, lnum = hunk.start + 1, text = ("%s (%s) %s"):format(names, size, vim.trim(line)) }
    end, answer.hunks)
    vim.fn.setqflist({}, " ", { title = "AutoResearch: to review", items = items })
    if #items == 0 then
      return client.notify("nothing waits for review")
    end
    vim.cmd("botright copen " .. math.min(10, #items + 1))
  end)
end

---Return the accepted text: the buffer with every hunk taken out again.
---@param buf integer
---@param answer autoresearch.Hunks
---@return string[]
function M.base(buf, answer)
  local lines = vim.api.nvim_buf_get_lines(buf, 0, -1, false)
  local all = vim.list_extend(vim.list_extend({}, answer.hunks), answer.own)
  table.sort(all, function(a, b)
    return a.start > b.start
  end)
  for _, hunk in ipairs(all) do
    local kept = vim.list_slice(lines, 1, hunk.start)
    vim.list_extend(kept, bare(hunk.old))
    lines = vim.list_extend(kept, lines, hunk.start + #hunk.new + 1)
  end
  return lines
end

---Run `act` with the open canvas of a buffer's campaign; it is loaded unseen where no buffer holds it.
---@param buf integer
---@param act fun(canvas: integer)
function M.with_canvas(buf, act)
  if require("autoresearch.attach").role(buf) == "canvas" and vim.api.nvim_buf_is_loaded(buf) then
    return act(buf)
  end
  local folder = client.folder(buf)
  if not folder then
    return client.notify("no program.md here or above", vim.log.levels.ERROR)
  end
  local status = client.status[folder]
  local canvas = vim.fn.bufadd(vim.fs.joinpath(folder, status and status.canvas or "train.py"))
  vim.fn.bufload(canvas)
  vim.bo[canvas].buflisted = true
  local _, why = client.start(folder, canvas)
  if why then
    return client.notify(why, vim.log.levels.ERROR)
  end
  act(canvas)
end

return M
