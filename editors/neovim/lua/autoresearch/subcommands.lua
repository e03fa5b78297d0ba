-- The subcommands of `:AutoResearch`, each with what completes it. doc/autoresearch.txt says what each does.

local client = require("autoresearch.client")
local review = require("autoresearch.review")
local status = require("autoresearch.status")

---@class autoresearch.Call
---@field buf integer
---@field args string[]
---@field bang boolean
---@field range integer
---@field line1 integer
---@field line2 integer

---@class autoresearch.Subcommand
---@field run fun(call: autoresearch.Call)
---@field complete? fun(buf: integer, folder: string?): string[]

---@type table<string, autoresearch.Subcommand>
local M = {}

---@param name string
---@param run fun(call: autoresearch.Call)
---@param complete? fun(buf: integer, folder: string?): string[]
local function on(name, run, complete)
  M[name] = { run = run, complete = complete }
end

---Return the experiment that a word names: `12` or `#12`.
---@param word string?
---@return integer?
local function number(word)
  return word and tonumber(word:match("^#?(%d+)$")) or nil
end

---@param ... string
local function words(...)
  local list = { ... }
  return function()
    return list
  end
end

---Complete every experiment of the campaign, the newest first.
---@param _ integer
---@param folder string?
---@return string[]
local function experiments(_, folder)
  local known, found = folder and status.of[folder], {}
  for n = known and known.last or -1, 0, -1 do
    table.insert(found, tostring(n))
  end
  return found
end

---Complete the experiments that have a hunk to review in the canvas.
---@param _ integer
---@param folder string?
---@return string[]
local function pending(_, folder)
  local canvas = folder and vim.fn.bufnr(client.canvas(folder)) or -1
  local shown, found = require("autoresearch.hunks").shown[canvas], {}
  for _, hunk in ipairs(shown and shown.hunks or {}) do
    for _, n in ipairs(hunk.experiments) do
      found[n] = true
    end
  end
  local numbers = vim.tbl_keys(found)
  table.sort(numbers)
  return vim.tbl_map(tostring, numbers)
end

-- The campaign.

on("start", function(call)
  local arguments = { overrides = vim.empty_dict(), new = call.bang or nil }
  for _, word in ipairs(call.args) do
    local key, value = word:match("^(%w+)=(.+)$")
    if key then
      arguments.overrides[key] = value
    elseif word == "new" then
      arguments.new = true
    else
      arguments.campaign = word
    end
  end
  client.exec(call.buf, "start", arguments)
end, function(_, folder)
  local known = folder and status.of[folder]
  local found = { "new", "experiments=", "hours=", "dollars=", "model=", "budget=" }
  return vim.list_extend(found, known and known.campaigns or {})
end)

for _, name in ipairs({ "pause", "resume" }) do
  on(name, function(call)
    client.exec(call.buf, name)
  end)
end

on("stop", function(call)
  client.exec(call.buf, "stop", { now = call.bang or call.args[1] == "now" })
end, words("now"))

on("status", function(call)
  client.exec(call.buf, "status", { campaign = call.args[1] })
end, function(_, folder)
  local known = folder and status.of[folder]
  return known and known.campaigns or {}
end)

on("note", function(call)
  local about = number(call.args[1])
  local text = table.concat(vim.list_slice(call.args, about and 2 or 1), " ")
  local function send(said)
    if not said or not said:match("%S") then
      return
    end
    if call.range > 0 then
      local name = vim.fs.basename(vim.api.nvim_buf_get_name(call.buf))
      local lines = vim.api.nvim_buf_get_lines(call.buf, call.line1 - 1, call.line2, false)
      said = ("%s\n%s:%d-%d\n%s"):format(said, name, call.line1, call.line2, table.concat(lines, "\n"))
    end
    client.exec(call.buf, "note", { text = said, experiment = about })
  end
  if text == "" then
    vim.ui.input({ prompt = "Tell the proposer: " }, send)
  else
    send(text)
  end
end, experiments)

on("report", function(call)
  client.exec(call.buf, "report", {}, function(result)
    if call.bang then
      vim.ui.open(result.path)
    end
  end)
end)

on("verify", function(call)
  local given = {}
  for _, word in ipairs(call.args) do
    local key, value = word:match("^(%w+)=(%d+)$")
    if key ~= "pairs" and key ~= "keeps" then
      return status.refuse(("verify: '%s' is unknown; give nothing, 'pairs=5' or 'keeps=3'"):format(word))
    end
    given[key] = tonumber(value)
  end
  status.notify("asked to verify the gain…") -- a daemon takes a moment to start
  client.exec(call.buf, "verify", given)
end, words("pairs=", "keeps="))

-- Review.

on("pull", function(call)
  review.exec(call.buf, "pull", { experiment = number(call.args[1]) })
end, experiments)

---@param verb "accept"|"revert"
---@return fun(call: autoresearch.Call)
local function reviewing(verb)
  return function(call)
    local word = call.args[1]
    if not word then
      review.review(call.buf, verb, call.line1, call.line2)
    elseif word == "all" and verb == "accept" then
      review.exec(call.buf, "acceptAll")
    elseif number(word) then
      review.exec(call.buf, verb .. "Experiment", { experiment = number(word) })
    else
      local all = verb == "accept" and " or 'all'" or ""
      status.refuse(("%s: '%s' is no experiment; give nothing, an experiment's number%s"):format(verb, word, all))
    end
  end
end

on("revert", reviewing("revert"), pending)
on("accept", reviewing("accept"), function(buf, folder)
  return vim.list_extend({ "all" }, pending(buf, folder))
end)

on("undo", function(call)
  review.exec(call.buf, "undoRevert")
end)

on("measure", function(call)
  review.exec(call.buf, "measureEdit", { hypothesis = #call.args > 0 and table.concat(call.args, " ") or nil })
end)

on("commit", function(call)
  review.exec(call.buf, "commitAccepted")
end)

on("next", function(call)
  review.jump(call.buf, 1)
end)

on("previous", function(call)
  review.jump(call.buf, -1)
end)

on("hunks", function(call)
  review.quickfix(call.buf)
end)

-- Views.

on("diff", function(call)
  local diff, experiment = require("autoresearch.diff"), number(call.args[1])
  if experiment then
    diff.experiment(call.buf, experiment)
  else
    diff.base(call.buf)
  end
end, experiments)

on("show", function(call)
  local experiment = number(call.args[1])
  if experiment then
    require("autoresearch.diff").details(call.buf, experiment)
  else
    vim.lsp.buf.hover()
  end
end, experiments)

on("results", function(call)
  require("autoresearch.results").open(call.buf)
end)

on("log", function(call)
  require("autoresearch.log").open(call.buf, call.args[1], number(call.args[1]))
end, function(buf, folder)
  return vim.list_extend({ "server" }, experiments(buf, folder))
end)

return M
