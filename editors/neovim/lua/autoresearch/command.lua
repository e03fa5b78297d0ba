-- `:AutoResearch`: one table of subcommands, each with what completes it.
local M = {}

local client = require("autoresearch.client")

---@class autoresearch.Call
---@field buf integer
---@field args string[]
---@field bang boolean
---@field range integer
---@field line1 integer
---@field line2 integer

---@class autoresearch.Subcommand
---@field run fun(call: autoresearch.Call)
---@field complete? fun(folder: string?): string[]
---@field help string

---Return the experiment that a word names: `12` or `#12`.
---@param word string?
---@return integer?
local function number(word)
  return word and tonumber(word:match("^#?(%d+)$")) or nil
end

---@param call autoresearch.Call
---@param name string
---@param arguments? table
local function exec(call, name, arguments)
  client.exec(call.buf, name, arguments)
end

---@param call autoresearch.Call
---@param name string
---@param arguments? table
local function exec_canvas(call, name, arguments)
  require("autoresearch.hunks").with_canvas(call.buf, function(canvas)
    local uri = { uri = vim.uri_from_bufnr(canvas) }
    client.exec(call.buf, name, vim.tbl_extend("force", uri, arguments or {}))
  end)
end

---@param verb "accept"|"revert"
---@return fun(call: autoresearch.Call)
local function review(verb)
  return function(call)
    local word = call.args[1]
    if word == "all" and verb == "accept" then
      exec_canvas(call, "acceptAll")
    elseif number(word) then
      exec_canvas(call, verb .. "Experiment", { experiment = number(word) })
    elseif word then
      client.notify(
        ("%s: give nothing, an experiment%s"):format(verb, verb == "accept" and " or 'all'" or ""),
        vim.log.levels.ERROR
      )
    elseif require("autoresearch.attach").role(call.buf) ~= "canvas" then
      client.notify("go to the hunk in the canvas first, or name an experiment", vim.log.levels.ERROR)
    else
      require("autoresearch.hunks").review(call.buf, verb, call.line1, call.line2)
    end
  end
end

---@param call autoresearch.Call
local function start(call)
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
  exec(call, "start", arguments)
end

---@param call autoresearch.Call
local function note(call)
  local about = number(call.args[1])
  local text = table.concat(vim.list_slice(call.args, about and 2 or 1), " ")
  local function send(words)
    if words and words:match("%S") then
      if call.range > 0 then
        local name = vim.fs.basename(vim.api.nvim_buf_get_name(call.buf))
        local lines = vim.api.nvim_buf_get_lines(call.buf, call.line1 - 1, call.line2, false)
        local where = call.line1 == call.line2 and call.line1 or ("%d-%d"):format(call.line1, call.line2)
        words = ("%s\n%s:%s\n%s"):format(words, name, where, table.concat(lines, "\n"))
      end
      exec(call, "note", { text = words, experiment = about })
    end
  end
  if text == "" then
    vim.ui.input({ prompt = "Tell the proposer: " }, send)
  else
    send(text)
  end
end

---Show a text file of the campaign at its end, in a window below.
---@param path string
local function tail(path)
  vim.cmd("botright 12split " .. vim.fn.fnameescape(path))
  vim.bo.readonly, vim.bo.modifiable, vim.bo.autoread, vim.bo.swapfile = true, false, true, false
  vim.keymap.set("n", "q", "<Cmd>close<CR>", { buffer = true, nowait = true })
  vim.cmd("normal! G")
end

---@param call autoresearch.Call
local function log(call)
  if call.args[1] == "server" then
    local buf = vim.api.nvim_create_buf(false, true)
    vim.api.nvim_buf_set_lines(buf, 0, -1, false, vim.split(table.concat(client.log, "\n"), "\n"))
    vim.bo[buf].bufhidden, vim.bo[buf].modifiable = "wipe", false
    vim.cmd("botright 12split | buffer " .. buf)
    vim.keymap.set("n", "q", "<Cmd>close<CR>", { buffer = buf, nowait = true })
    vim.cmd("normal! G")
    return
  end
  local folder = client.folder(call.buf)
  if not folder then
    return client.notify("no program.md here or above", vim.log.levels.ERROR)
  end
  local command = { "git", "-C", folder, "rev-parse", "--path-format=absolute", "--git-common-dir" }
  local home = vim.fs.joinpath(vim.trim(vim.system(command, { text = true }):wait(5000).stdout or ""), "autoresearch")
  local path = vim.fs.joinpath(home, "daemon.log")
  local experiment = number(call.args[1])
  if experiment then
    local status = client.status[folder] or {}
    local runs = vim.fs.joinpath(home, "campaigns", status.campaign or "", "experiments", tostring(experiment))
    path = vim.fn.glob(runs .. "/run-*/*.log", true, true)[1] or runs
  end
  if vim.fn.filereadable(path) == 0 then
    return client.notify("no log yet at " .. path, vim.log.levels.WARN)
  end
  tail(path)
end

---@param folder string?
---@return string[]
local function experiments(folder)
  local status = folder and client.status[folder]
  local found = {}
  for n = 0, status and status.experiments or 0 do
    table.insert(found, tostring(n))
  end
  return found
end

local function words(...)
  local list = { ... }
  return function()
    return list
  end
end

local function with_all(folder)
  return vim.list_extend({ "all" }, experiments(folder))
end

---@type table<string, autoresearch.Subcommand>
M.subcommands = {
  start = {
    help = "start or continue the campaign; `!` or `new` makes a new one, `experiments=8` overrides program.md",
    run = start,
    complete = words("new", "experiments=", "hours=", "dollars=", "model=", "budget="),
  },
  pause = {
    help = "start no new run after the present experiment",
    run = function(call)
      exec(call, "pause")
    end,
  },
  resume = {
    help = "go on after a pause",
    run = function(call)
      exec(call, "resume")
    end,
  },
  stop = {
    help = "end the campaign's process after the present experiment; `!` or `now` interrupts it",
    run = function(call)
      exec(call, "stop", { now = call.bang or call.args[1] == "now" })
    end,
    complete = words("now"),
  },
  status = {
    help = "say what the campaign is doing; a name shows another campaign from now on",
    run = function(call)
      exec(call, "status", { campaign = call.args[1] })
    end,
    complete = function(folder)
      local status = folder and client.status[folder]
      return status and status.campaigns or {}
    end,
  },
  pull = {
    help = "bring every kept patch into the canvas, or restore one experiment",
    run = function(call)
      exec_canvas(call, "pull", { experiment = number(call.args[1]) })
    end,
    complete = experiments,
  },
  accept = {
    help = "accept the hunk under the cursor, those of the range, of an experiment, or `all`",
    run = review("accept"),
    complete = with_all,
  },
  revert = {
    help = "revert the hunk under the cursor, those of the range or of an experiment, and measure the price",
    run = review("revert"),
    complete = experiments,
  },
  undo = {
    help = "bring back the lines of the last revert",
    run = function(call)
      exec_canvas(call, "undoRevert")
    end,
  },
  diff = {
    help = "the accepted text beside the canvas, or what an experiment changed",
    run = function(call)
      local experiment = number(call.args[1])
      if experiment then
        require("autoresearch.diff").experiment(call.buf, experiment)
      else
        require("autoresearch.diff").base(call.buf)
      end
    end,
    complete = experiments,
  },
  show = {
    help = "everything about an experiment, or about the line under the cursor",
    run = function(call)
      local experiment = number(call.args[1])
      if experiment then
        require("autoresearch.diff").details(call.buf, experiment)
      else
        vim.lsp.buf.hover()
      end
    end,
    complete = experiments,
  },
  results = {
    help = "the table of experiments, live",
    run = function(call)
      require("autoresearch.results").open(call.buf)
    end,
  },
  hunks = {
    help = "the hunks that wait for review, as a quickfix list",
    run = function(call)
      require("autoresearch.hunks").with_canvas(call.buf, require("autoresearch.hunks").quickfix)
    end,
  },
  next = {
    help = "go to the next hunk",
    run = function(call)
      require("autoresearch.hunks").jump(call.buf, 1)
    end,
  },
  previous = {
    help = "go to the previous hunk",
    run = function(call)
      require("autoresearch.hunks").jump(call.buf, -1)
    end,
  },
  measure = {
    help = "measure the canvas as you edited it; the words after it are what you expect",
    run = function(call)
      exec_canvas(call, "measureEdit", { hypothesis = #call.args > 0 and table.concat(call.args, " ") or nil })
    end,
  },
  commit = {
    help = "put one commit for each accepted experiment on your branch",
    run = function(call)
      exec_canvas(call, "commitAccepted")
    end,
  },
  note = {
    help = "tell the proposer something, about an experiment (`12 words`) or about the lines of the range",
    run = note,
  },
  report = {
    help = "write report.html, results.tsv and progress.png; `!` opens the report",
    run = function(call)
      client.exec(call.buf, "report", {}, function(result)
        if result.ok and call.bang then
          vim.ui.open(result.path)
        end
      end)
    end,
  },
  log = {
    help = "the daemon's log, that of an experiment's run, or what the `server` said",
    run = log,
    complete = function(folder)
      return vim.list_extend({ "server" }, experiments(folder))
    end,
  },
}

---@param call table what nvim_create_user_command gives
function M.run(call)
  local name = call.fargs[1] or "status"
  local subcommand = M.subcommands[name]
  if not subcommand then
    local known = vim.tbl_keys(M.subcommands)
    table.sort(known)
    return client.notify(
      ("no subcommand '%s'; there are: %s"):format(name, table.concat(known, " ")),
      vim.log.levels.ERROR
    )
  end
  subcommand.run({
    buf = vim.api.nvim_get_current_buf(),
    args = vim.list_slice(call.fargs, 2),
    bang = call.bang,
    range = call.range,
    line1 = call.line1,
    line2 = call.line2,
  })
end

---@param lead string
---@param line string
---@return string[]
function M.complete(lead, line)
  local name = line:match("AutoResearch!?%s+(%S+)%s")
  local found
  if name then
    local subcommand = M.subcommands[name]
    local folder = client.folder(vim.api.nvim_get_current_buf())
    found = subcommand and subcommand.complete and subcommand.complete(folder) or {}
  else
    found = vim.tbl_keys(M.subcommands)
    table.sort(found)
  end
  return vim.tbl_filter(function(word)
    return vim.startswith(word, lead)
  end, found)
end

return M
