-- The results buffer: one line for each experiment, live, sortable, with keys to look at one and to review it.
local M = {}

local client = require("autoresearch.client")
local review = require("autoresearch.review")
local rows = require("autoresearch.rows")
local status = require("autoresearch.status")
local view = require("autoresearch.view")
local namespace = vim.api.nvim_create_namespace("autoresearch.results")

local HEAD = 2 -- lines above the first row
local HELP = "<CR> diff · a accept · r revert · p restore · K details · y copy · s/S sort · f filter · q close"
local GROUPS = {
  keep = "AutoResearchAdd",
  price = "WarningMsg",
  adopted = "WarningMsg",
  crash = "AutoResearchDelete",
  waiting = "Special",
  running = "Special",
}

---@class autoresearch.Table one results buffer
---@field folder string
---@field order autoresearch.Order
---@field all autoresearch.Experiment[]
---@field rows autoresearch.Experiment[] what stands on the lines below the heading
---@field seen string of which status its experiments are

---@type table<integer, autoresearch.Table>
local tables = {}

---@param buf integer
local function draw(buf)
  local here = tables[buf]
  here.rows = rows.arrange(here.all, here.order)
  local now = status.of[here.folder]
  local title = now and now.text ~= "" and now.text or "no campaign yet"
  if now and (now.keeps or 0) > 0 and now.headline then
    title = now.headline .. " · " .. title
  end
  local only = here.order.filter == "all" and "" or (" · only %s"):format(here.order.filter)
  view.set(buf, vim.list_extend({ title .. only, rows.heading(here.order) }, vim.tbl_map(rows.line, here.rows)))
  vim.api.nvim_buf_clear_namespace(buf, namespace, 0, -1)
  vim.api.nvim_buf_set_extmark(buf, namespace, 0, 0, { line_hl_group = "Title" })
  vim.api.nvim_buf_set_extmark(buf, namespace, 1, 0, { line_hl_group = "Underlined" })
  for k, e in ipairs(here.rows) do
    local group = GROUPS[e.mark] or "Comment"
    vim.api.nvim_buf_set_extmark(
      buf,
      namespace,
      k + HEAD - 1,
      0,
      { end_row = k + HEAD, hl_group = group, strict = false }
    )
  end
end

---@param buf integer
---@param window integer
---@return autoresearch.Experiment? the one under the window's cursor
local function under(buf, window)
  return tables[buf].rows[vim.api.nvim_win_get_cursor(window)[1] - HEAD]
end

---Draw anew; each window's cursor stays on its experiment.
---@param buf integer
local function redraw(buf)
  local places = {}
  for _, window in ipairs(vim.fn.win_findbuf(buf)) do
    places[window] = under(buf, window)
  end
  draw(buf)
  for _, window in ipairs(vim.fn.win_findbuf(buf)) do
    local last = #tables[buf].rows + HEAD
    if last > HEAD and vim.api.nvim_win_get_cursor(window)[1] <= HEAD then
      vim.api.nvim_win_set_cursor(window, { HEAD + 1, 0 }) -- the keys are about rows
    end
  end
  for window, before in pairs(places) do
    for k, e in ipairs(tables[buf].rows) do
      if e.number == before.number then
        vim.api.nvim_win_set_cursor(window, { k + HEAD, 0 })
      end
    end
  end
end

---Ask for the experiments anew.
---@param buf integer
function M.refresh(buf)
  client.request(buf, "autoresearch/history", { folder = tables[buf].folder }, function(answer)
    if tables[buf] and vim.api.nvim_buf_is_loaded(buf) then
      tables[buf].all = answer.experiments
      redraw(buf)
    end
  end)
end

---What the keys do with the experiment under the cursor.
---@type table<string, { [1]: string, [2]: fun(buf: integer, e: autoresearch.Experiment) }>
local ON_ROW = {
  ["<CR>"] = {
    "diff",
    function(buf, e)
      require("autoresearch.diff").experiment(buf, e.number)
    end,
  },
  a = {
    "accept every hunk of this experiment",
    function(buf, e)
      review.exec(buf, "acceptExperiment", { experiment = e.number })
    end,
  },
  r = {
    "revert every hunk of this experiment",
    function(buf, e)
      review.exec(buf, "revertExperiment", { experiment = e.number })
    end,
  },
  p = {
    "restore this experiment in the canvas",
    function(buf, e)
      review.exec(buf, "pull", { experiment = e.number })
    end,
  },
  K = {
    "details",
    function(buf, e)
      require("autoresearch.diff").details(buf, e.number)
    end,
  },
  y = {
    "copy as a row of Markdown",
    function(_, e)
      vim.fn.setreg(vim.v.register, e.row .. "\n")
      status.notify("copied " .. e.row)
    end,
  },
}

---What the keys do with the table.
---@type table<string, { [1]: string, [2]: fun(order: autoresearch.Order) }>
local ON_TABLE = {
  s = {
    "sort by the next column",
    function(order)
      order.sort = rows.after(rows.COLUMNS, order.sort)
    end,
  },
  S = {
    "turn the order round",
    function(order)
      order.down = not order.down
    end,
  },
  f = {
    "show one verdict only",
    function(order)
      order.filter = rows.after(rows.FILTERS, order.filter)
    end,
  },
}

---@param buf integer
local function map_keys(buf)
  local function map(key, what, act)
    vim.keymap.set("n", key, act, { buffer = buf, nowait = true, desc = "AutoResearch: " .. what })
  end
  for key, action in pairs(ON_ROW) do
    map(key, action[1], function()
      local e = under(buf, 0)
      if e then
        action[2](buf, e)
      end
    end)
  end
  for key, action in pairs(ON_TABLE) do
    map(key, action[1], function()
      action[2](tables[buf].order)
      redraw(buf)
    end)
  end
  map("R", "ask anew", function()
    M.refresh(buf)
  end)
end

---Show the results of a buffer's campaign below; a window that shows them already is used.
---@param from integer
function M.open(from)
  local folder = client.folder(from)
  if not folder then
    return status.refuse("no program.md here or above; 'autoresearch init' makes a campaign folder")
  end
  local buf = vim.iter(pairs(tables)):find(function(_, one)
    return one.folder == folder
  end)
  if not buf then
    local options = { folder = folder, filetype = "autoresearch-results", bufhidden = "hide" }
    buf = view.buffer("results" .. folder, {}, options)
    tables[buf] =
      { folder = folder, order = { sort = "number", down = false, filter = "all" }, all = {}, rows = {}, seen = "" }
    map_keys(buf)
    vim.api.nvim_create_autocmd("BufUnload", {
      buffer = buf,
      callback = function()
        tables[buf] = nil
      end,
    })
  end
  view.below(buf)
  local window = vim.wo[0][0]
  window.winbar, window.wrap, window.cursorline, window.number, window.signcolumn = HELP, false, true, false, "no"
  M.refresh(buf)
end

vim.api.nvim_create_autocmd("User", {
  group = vim.api.nvim_create_augroup("autoresearch.results", {}),
  pattern = "AutoResearchStatus",
  callback = function(args)
    local now = args.data ---@type autoresearch.Status
    for buf, here in pairs(tables) do
      if here.folder == now.folder and vim.fn.bufwinid(buf) ~= -1 then
        local seen = ("%s %s %s %s %s %s"):format(
          now.campaign,
          now.state,
          now.experiments,
          now.experiment,
          now.waiting,
          now.keeps
        )
        if here.seen == seen then
          redraw(buf)
        else
          here.seen = seen
          M.refresh(buf)
        end
      end
    end
  end,
})

return M
