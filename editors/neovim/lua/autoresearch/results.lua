-- The results buffer: one line for each experiment, live, sortable, with keys to look at one and to review it.
local M = {}

local client = require("autoresearch.client")
local hunks = require("autoresearch.hunks")
local namespace = vim.api.nvim_create_namespace("autoresearch.results")

---@class autoresearch.Experiment one object of `autoresearch/history`
---@field number integer
---@field hypothesis string
---@field score? number
---@field text string
---@field delta? number
---@field verdict? string
---@field reason? string
---@field proposer string
---@field commit string

local COLUMNS = { "number", "score", "delta", "verdict", "proposer", "hypothesis" }
local TITLES = { number = "#", score = "score", delta = "delta", verdict = "verdict", proposer = "by" }
local WIDTHS = { number = 6, score = 11, delta = 10, verdict = 22, proposer = 12 }
local MARKS = { keep = "✓", discard = "✗", crash = "!", invalid = "⊘" }
local GROUPS =
  { keep = "AutoResearchAdd", discard = "Comment", crash = "AutoResearchDelete", invalid = "AutoResearchDelete" }
local FILTERS = { "all", "keep", "discard", "crash", "invalid" }
local HELP = "<CR> diff · a accept · r revert · p restore · K details · y copy · s/S sort · f filter · q close"

---@class autoresearch.View how one results buffer is sorted; goes with the buffer
---@field sort string
---@field down boolean
---@field filter string
---@field rows autoresearch.Experiment[] what stands on the lines below the heading
---@field all autoresearch.Experiment[]
---@field campaign string

---@type table<integer, autoresearch.View>
local views = {}
local HEAD = 2 -- lines above the first row

---@param text string
---@param width integer
local function fit(text, width)
  local size = vim.fn.strdisplaywidth(text)
  if size > width - 1 then
    text, size = vim.fn.strcharpart(text, 0, width - 2) .. "…", width - 1
  end
  return text .. (" "):rep(width - size)
end

---@param e autoresearch.Experiment
local function line_of(e)
  local delta = e.delta and ("%+.4f"):format(e.delta):gsub("-", "−") or ""
  local verdict = e.verdict
      and ("%s %s%s"):format(MARKS[e.verdict] or "?", e.verdict, e.reason and ", " .. e.reason or "")
    or "…"
  return fit("#" .. e.number, WIDTHS.number)
    .. fit(e.text, WIDTHS.score)
    .. fit(delta, WIDTHS.delta)
    .. fit(verdict:gsub("_", " "), WIDTHS.verdict)
    .. fit(e.proposer or "", WIDTHS.proposer)
    .. (e.hypothesis or ""):gsub("%s*\n%s*", " ")
end

---@param view autoresearch.View
local function sorted(view)
  local rows = vim.tbl_filter(function(e)
    return view.filter == "all" or e.verdict == view.filter
  end, view.all)
  table.sort(rows, function(a, b)
    local x, y = a[view.sort], b[view.sort]
    if x == y then
      return a.number < b.number
    elseif x == nil or y == nil then
      return y == nil -- what has no value comes last, whichever way it is sorted
    end
    if view.down then
      return x > y
    end
    return x < y
  end)
  return rows
end

---@param buf integer
local function draw(buf)
  local view = views[buf]
  view.rows = sorted(view)
  local head = ""
  for _, name in ipairs(COLUMNS) do
    local arrow = name == view.sort and (view.down and " ▼" or " ▲") or ""
    head = head .. fit((TITLES[name] or name) .. arrow, WIDTHS[name] or 20)
  end
  local status = client.status[vim.b[buf].autoresearch_folder]
  local what = view.filter == "all" and "" or (" · only %s"):format(view.filter)
  local lines = { (status and status.text or view.campaign or "no campaign yet") .. what, (head:gsub("%s+$", "")) }
  for _, e in ipairs(view.rows) do
    table.insert(lines, (line_of(e):gsub("%s+$", "")))
  end
  vim.bo[buf].modifiable = true
  if not vim.deep_equal(vim.api.nvim_buf_get_lines(buf, 0, -1, false), lines) then
    vim.api.nvim_buf_set_lines(buf, 0, -1, false, lines)
  end
  vim.bo[buf].modifiable = false
  vim.api.nvim_buf_clear_namespace(buf, namespace, 0, -1)
  vim.api.nvim_buf_set_extmark(buf, namespace, 0, 0, { line_hl_group = "Title" })
  vim.api.nvim_buf_set_extmark(buf, namespace, 1, 0, { line_hl_group = "Underlined" })
  for k, e in ipairs(view.rows) do
    local group = e.verdict and GROUPS[e.verdict] or "Special"
    local stop = #lines[k + HEAD]
    vim.api.nvim_buf_set_extmark(buf, namespace, k + HEAD - 1, 0, { end_col = stop, hl_group = group })
  end
end

---Ask for the experiments anew and draw them; the cursor stays on its experiment.
---@param buf integer
function M.refresh(buf)
  local folder = vim.b[buf].autoresearch_folder
  client.request(buf, "autoresearch/history", { folder = folder }, function(answer)
    if not vim.api.nvim_buf_is_loaded(buf) or not views[buf] then
      return
    end
    local window = vim.fn.bufwinid(buf)
    local at = window ~= -1 and M.under(buf, window) or nil
    views[buf].all, views[buf].campaign = answer.experiments or {}, answer.campaign or ""
    draw(buf)
    for k, e in ipairs(views[buf].rows) do
      if at and e.number == at.number and window ~= -1 then
        vim.api.nvim_win_set_cursor(window, { k + HEAD, 0 })
      end
    end
  end)
end

---Return the experiment under the cursor.
---@param buf integer
---@param window? integer
---@return autoresearch.Experiment?
function M.under(buf, window)
  local line = vim.api.nvim_win_get_cursor(window or 0)[1]
  return views[buf] and views[buf].rows and views[buf].rows[line - HEAD]
end

---@param buf integer
local function keys(buf)
  local view = views[buf]
  local function map(key, what, act)
    vim.keymap.set("n", key, act, { buffer = buf, nowait = true, desc = "AutoResearch: " .. what })
  end
  local function on(key, what, act)
    map(key, what, function()
      local e = M.under(buf)
      if e then
        act(e)
      end
    end)
  end
  local function review(verb)
    return function(e)
      hunks.with_canvas(buf, function(canvas)
        local which = { experiment = e.number, uri = vim.uri_from_bufnr(canvas) }
        client.exec(buf, verb .. "Experiment", which, function()
          M.refresh(buf)
        end)
      end)
    end
  end
  on("<CR>", "diff", function(e)
    require("autoresearch.diff").experiment(buf, e.number)
  end)
  on("a", "accept every hunk of this experiment", review("accept"))
  on("r", "revert every hunk of this experiment", review("revert"))
  on("p", "restore this experiment in the canvas", function(e)
    hunks.with_canvas(buf, function(canvas)
      client.exec(buf, "pull", { experiment = e.number, uri = vim.uri_from_bufnr(canvas) })
    end)
  end)
  on("K", "details", function(e)
    require("autoresearch.diff").details(buf, e.number)
  end)
  on("y", "copy as a row of Markdown", function(e)
    local row = ("| #%d | %s | %s | %s |"):format(e.number, e.text, e.verdict or "", e.hypothesis)
    vim.fn.setreg(vim.v.register, row .. "\n")
    client.notify("copied " .. row)
  end)
  map("s", "sort by the next column", function()
    local at = vim.iter(ipairs(COLUMNS)):find(function(_, name)
      return name == view.sort
    end)
    view.sort = COLUMNS[at % #COLUMNS + 1]
    draw(buf)
  end)
  map("S", "turn the order round", function()
    view.down = not view.down
    draw(buf)
  end)
  map("f", "show one verdict only", function()
    local at = vim.iter(ipairs(FILTERS)):find(function(_, name)
      return name == view.filter
    end)
    view.filter = FILTERS[at % #FILTERS + 1]
    draw(buf)
  end)
  map("R", "ask anew", function()
    M.refresh(buf)
  end)
  map("q", "close", "<Cmd>close<CR>")
end

---Show the results of a buffer's campaign below; a window that shows them already is used.
---@param from integer
function M.open(from)
  local folder = client.folder(from)
  if not folder then
    return client.notify("no program.md here or above", vim.log.levels.ERROR)
  end
  local buf = vim.iter(vim.tbl_keys(views)):find(function(b)
    return vim.api.nvim_buf_is_loaded(b) and vim.b[b].autoresearch_folder == folder
  end)
  if not buf then
    buf = vim.api.nvim_create_buf(false, true)
    vim.api.nvim_buf_set_name(buf, "autoresearch://results" .. folder)
    vim.b[buf].autoresearch_folder = folder
    vim.bo[buf].buftype, vim.bo[buf].bufhidden, vim.bo[buf].swapfile = "nofile", "hide", false
    views[buf] = { sort = "number", down = false, filter = "all", rows = {}, all = {}, campaign = "" }
    keys(buf)
    vim.bo[buf].filetype = "autoresearch-results"
  end
  local window = vim.fn.bufwinid(buf)
  if window ~= -1 then
    vim.api.nvim_set_current_win(window)
  else
    vim.cmd("botright sbuffer " .. buf)
    vim.wo[0][0].winbar, vim.wo[0][0].wrap, vim.wo[0][0].cursorline = HELP, false, true
    vim.wo[0][0].number, vim.wo[0][0].signcolumn = false, "no"
  end
  M.refresh(buf)
end

local group = vim.api.nvim_create_augroup("autoresearch.results", {})
vim.api.nvim_create_autocmd("User", {
  group = group,
  pattern = "AutoResearchStatus",
  callback = function(args)
    for buf, view in pairs(views) do
      if not vim.api.nvim_buf_is_valid(buf) then
        views[buf] = nil
      elseif vim.b[buf].autoresearch_folder == args.data.folder and vim.fn.bufwinid(buf) ~= -1 then
        local seen = ("%s %s %s"):format(args.data.campaign, args.data.experiments, args.data.experiment)
        if vim.b[buf].autoresearch_seen ~= seen then
          vim.b[buf].autoresearch_seen = seen
          M.refresh(buf)
        elseif view.all[1] then
          draw(buf)
        end
      end
    end
  end,
})

return M
