-- What a person does with hunks: walk them, accept, revert, by cursor, range, motion or list. The server finds them by
-- content, so what moved meanwhile is found all the same and what is gone changes nothing.
local M = {}

local client = require("autoresearch.client")
local hunks = require("autoresearch.hunks")
local status = require("autoresearch.status")

---Run `act` with the canvas of a buffer's campaign; it is loaded unseen where no buffer holds it.
---@param buf integer
---@param act fun(canvas: integer)
function M.with_canvas(buf, act)
  if require("autoresearch.attach").role(buf) == "canvas" then
    return act(buf)
  end
  local folder = client.folder(buf)
  if not folder then
    return status.refuse("no program.md here or above; 'autoresearch init' makes a campaign folder")
  end
  local canvas = vim.fn.bufadd(client.canvas(folder))
  vim.fn.bufload(canvas)
  vim.bo[canvas].buflisted = true
  local _, why = client.start(folder, canvas)
  if why then
    return status.refuse(why)
  end
  act(canvas)
end

---Run a command of the server that is about the canvas.
---@param buf integer
---@param name string
---@param arguments? table
---@param on_result? fun(result: autoresearch.Result)
function M.exec(buf, name, arguments, on_result)
  M.with_canvas(buf, function(canvas)
    local which = vim.tbl_extend("force", { uri = vim.uri_from_bufnr(canvas) }, arguments or {})
    client.exec(canvas, name, which, on_result)
  end)
end

---Go to the next or the previous hunk, from the last one on to the first; from elsewhere to the canvas.
---@param buf integer
---@param step integer how many, negative for the previous ones
function M.jump(buf, step)
  M.with_canvas(buf, function(canvas)
    hunks.ask(canvas, function(answer)
      local many = #answer.hunks
      if many == 0 then
        return status.notify("nothing waits for review")
      end
      local window = vim.fn.bufwinid(canvas)
      if window == -1 then
        vim.cmd.buffer(canvas)
      elseif vim.api.nvim_get_current_buf() ~= canvas then
        vim.api.nvim_set_current_win(window)
      end
      local line = vim.api.nvim_win_get_cursor(0)[1]
      local before, after = 0, many + 1 -- the last hunk above the cursor's line and the first one below
      for k, hunk in ipairs(answer.hunks) do
        local first = hunks.span(hunk, canvas)
        before = first < line and k or before
        after = first > line and math.min(after, k) or after
      end
      local place = ((step > 0 and after + step - 1 or before + step + 1) - 1) % many + 1
      vim.cmd("normal! m'")
      vim.api.nvim_win_set_cursor(0, { hunks.span(answer.hunks[place], canvas), 0 })
      vim.cmd("normal! zv")
      status.notify(("hunk %d of %d · %s"):format(place, many, answer.hunks[place].label))
    end)
  end)
end

---Return the hunk seen before: the same id or, where a neighbour's end has changed that, the same lines, nearest to it.
---@param now autoresearch.Hunk[]
---@param wanted autoresearch.Hunk
---@return autoresearch.Hunk?
local function again(now, wanted)
  local near
  for _, hunk in ipairs(now) do
    if hunk.id == wanted.id then
      return hunk
    elseif vim.deep_equal({ hunk.old, hunk.new }, { wanted.old, wanted.new }) then
      if not near or math.abs(hunk.start - wanted.start) < math.abs(near.start - wanted.start) then
        near = hunk
      end
    end
  end
  return near
end

---Accept or revert the hunks of a range, one after the other from below: those above keep their place, and each revert
---is measured by itself.
---@param buf integer
---@param verb "accept"|"revert"
---@param first integer line from 1
---@param last integer
function M.review(buf, verb, first, last)
  if require("autoresearch.attach").role(buf) ~= "canvas" then
    return status.refuse("go to the hunk in the canvas first, or name an experiment")
  end
  hunks.ask(buf, function(answer)
    local todo = vim.tbl_filter(function(hunk)
      local top, bottom = hunks.span(hunk, buf)
      return top <= last and bottom >= first
    end, answer.hunks)
    if #todo == 0 then
      return status.refuse("no hunk here waits for review")
    end
    local function step(now)
      local hunk = again(now.hunks, table.remove(todo))
      if not hunk then
        return status.refuse("the next hunk has changed meanwhile; look again")
      end
      client.exec(buf, verb .. "Hunk", { uri = vim.uri_from_bufnr(buf), hunk = hunk.id }, function()
        if #todo > 0 then
          hunks.ask(buf, step)
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
  vim.o.operatorfunc = ("v:lua.require'autoresearch.review'.%s_motion"):format(verb)
  return "g@"
end

for _, verb in ipairs({ "accept", "revert" }) do
  M[verb .. "_motion"] = function()
    local first, last = vim.api.nvim_buf_get_mark(0, "[")[1], vim.api.nvim_buf_get_mark(0, "]")[1]
    M.review(vim.api.nvim_get_current_buf(), verb, first, last)
  end
end

---Select the hunk under the cursor, as a text object does.
function M.select()
  local buf, line = vim.api.nvim_get_current_buf(), vim.api.nvim_win_get_cursor(0)[1]
  for _, hunk in ipairs(hunks.shown[buf] and hunks.shown[buf].hunks or {}) do
    local first, last = hunks.span(hunk, buf)
    if first <= line and line <= last then
      local leave = vim.fn.mode():match("[vV\22]") and "\27" or ""
      return vim.cmd(("normal! %s%dGV%dG"):format(leave, first, last))
    end
  end
end

local TITLE = "AutoResearch: to review"

---@param canvas integer
---@param answer autoresearch.Hunks
local function items(canvas, answer)
  return vim.tbl_map(function(hunk)
    local line = hunks.bare(#hunk.new > 0 and hunk.new or hunk.old)[1] or ""
    local text = ("%s (-%d +%d) %s"):format(hunk.label, #hunk.old, #hunk.new, vim.trim(line))
    return { bufnr = canvas, lnum = (hunks.span(hunk, canvas)), text = text }
  end, answer.hunks)
end

---Put the hunks that wait into the quickfix list and open it; while it is the current list it follows the review.
---@param buf integer
function M.quickfix(buf)
  M.with_canvas(buf, function(canvas)
    hunks.ask(canvas, function(answer)
      if #answer.hunks == 0 then
        return status.notify("nothing waits for review")
      end
      vim.fn.setqflist({}, " ", { title = TITLE, items = items(canvas, answer), context = { canvas = canvas } })
      vim.cmd("botright copen " .. math.min(10, #answer.hunks + 1))
    end)
  end)
end

vim.api.nvim_create_autocmd("User", {
  group = vim.api.nvim_create_augroup("autoresearch.review", {}),
  pattern = "AutoResearchHunks",
  callback = function(args)
    local list = vim.fn.getqflist({ title = 0, context = 0, idx = 0 })
    if list.title == TITLE and type(list.context) == "table" and list.context.canvas == args.data.buf then
      local left = items(args.data.buf, hunks.shown[args.data.buf])
      vim.fn.setqflist({}, "r", { items = left, idx = math.max(1, math.min(list.idx, #left)) })
    end
  end,
})

return M
