-- The table of results as text: columns, order, filter. Pure: no buffer, no server.
local M = {}

---@class autoresearch.Experiment one object of `autoresearch/history`
---@field number integer
---@field hypothesis string
---@field score? number
---@field text string the score, for people
---@field delta? number
---@field delta_text string the delta, for people
---@field verdict? string
---@field verdict_text string the verdict, for people
---@field group string what a filter calls it: keep, discard, crash, invalid, waiting or lost
---@field mark string what it looks like; only `keep` is a gain
---@field row string a row of a Markdown table
---@field proposer string
---@field commit string
---@field parent string

---@class autoresearch.Order how a table is sorted and filtered
---@field sort string a column
---@field down boolean
---@field filter string `all` or a group

M.COLUMNS = { "number", "score", "delta", "verdict", "proposer", "hypothesis" }
M.FILTERS = { "all", "keep", "discard", "crash", "invalid" }
local TITLES = { number = "#", proposer = "by" }
local WIDTHS = { number = 6, score = 11, delta = 10, verdict = 26, proposer = 12, hypothesis = 20 }
local MARKS = {
  baseline = "✓",
  keep = "✓",
  price = "▽",
  adopted = "□",
  noise = "✗",
  worse = "✗",
  crash = "!",
  invalid = "⊘",
  waiting = "…",
  running = "●",
}

---@param text string
---@param width integer
local function fit(text, width)
  local size = vim.fn.strdisplaywidth(text)
  if size > width - 1 then
    text, size = vim.fn.strcharpart(text, 0, width - 2) .. "…", width - 1
  end
  return text .. (" "):rep(width - size)
end

---@param line string
local function trimmed(line)
  return (line:gsub("%s+$", ""))
end

---Return the line above the rows, with an arrow beside the column that they are sorted by.
---@param order autoresearch.Order
---@return string
function M.heading(order)
  local cells = vim.tbl_map(function(name)
    local arrow = name == order.sort and (order.down and " ▼" or " ▲") or ""
    return fit((TITLES[name] or name) .. arrow, WIDTHS[name])
  end, M.COLUMNS)
  return trimmed(table.concat(cells))
end

---Return the line of an experiment.
---@param e autoresearch.Experiment
---@return string
function M.line(e)
  local verdict = (MARKS[e.mark] or "?") .. " " .. e.verdict_text
  return trimmed(
    fit("#" .. e.number, WIDTHS.number)
      .. fit(e.text, WIDTHS.score)
      .. fit(e.delta_text, WIDTHS.delta)
      .. fit(verdict, WIDTHS.verdict)
      .. fit(e.proposer, WIDTHS.proposer)
      .. e.hypothesis:gsub("%s*\n%s*", " ")
  )
end

---Return the experiments that the filter lets through, in order; what has no value comes last, either way.
---@param experiments autoresearch.Experiment[]
---@param order autoresearch.Order
---@return autoresearch.Experiment[]
function M.arrange(experiments, order)
  local shown = vim.tbl_filter(function(e)
    return order.filter == "all" or e.group == order.filter
  end, experiments)
  table.sort(shown, function(a, b)
    local x, y = a[order.sort], b[order.sort]
    if x == y then
      return a.number < b.number
    elseif x == nil or y == nil then
      return y == nil
    elseif order.down then
      return x > y
    end
    return x < y
  end)
  return shown
end

---Return what comes after a value in a list, the first after the last.
---@param list string[]
---@param value string
---@return string
function M.after(list, value)
  for k, item in ipairs(list) do
    if item == value then
      return list[k % #list + 1]
    end
  end
  return list[1]
end

return M
