-- nvim --headless -u init.lua -c 'luafile headless.lua': every command of the plugin against the real server and a real
-- daemon. Each step polls with a deadline; the first that fails says what it saw, and Neovim exits with 1.
local folder = assert(vim.env.CAMPAIGN, "CAMPAIGN names the folder")
local said, events, failures, count = {}, {}, 0, 0
vim.notify = function(message, level)
  table.insert(said, { message, level or vim.log.levels.INFO })
end
for _, name in ipairs({ "Attach", "Status", "Experiment", "Best", "State", "Hunks" }) do
  vim.api.nvim_create_autocmd("User", {
    pattern = "AutoResearch" .. name,
    callback = function()
      events[name] = (events[name] or 0) + 1
    end,
  })
end
local progress = 0
vim.api.nvim_create_autocmd("LspProgress", {
  callback = function()
    progress = progress + 1
  end,
})

local function out(text)
  io.stdout:write(text .. "\n")
end

local function dump()
  local lines = vim.tbl_map(function(m)
    return m[1]
  end, vim.list_slice(said, math.max(1, #said - 8)))
  return "last said:\n  " .. table.concat(lines, "\n  ")
end

---Return the first true value of `holds` before the deadline; fails the run otherwise.
local function until_true(what, holds, deadline_s)
  local value
  local ok = vim.wait((deadline_s or 40) * 1000, function()
    value = holds()
    return value and true or false
  end, 10)
  if not ok then
    error(("never: %s\n%s"):format(what, dump()), 0)
  end
  return value
end

local function claim(name, act)
  count = count + 1
  local began = vim.uv.hrtime()
  local ok, why = xpcall(act, function(err)
    return type(err) == "string" and err .. (err:match("^never") and "" or "\n" .. debug.traceback("", 2))
      or vim.inspect(err)
  end)
  out(("%s %s (%d ms)"):format(ok and "ok  " or "FAIL", name, (vim.uv.hrtime() - began) / 1e6))
  if not ok then
    out(why)
    failures = failures + 1
    vim.cmd("cquit 1")
  end
end

local function equal(a, b)
  if not vim.deep_equal(a, b) then
    error(("expected %s, got %s\n%s"):format(vim.inspect(b), vim.inspect(a), dump()), 2)
  end
end

---Run a command and return what was said after it.
local function run(line, pattern)
  local before = #said
  vim.cmd(line)
  return until_true(line .. " says " .. pattern, function()
    for k = before + 1, #said do
      if said[k][1]:find(pattern) then
        return said[k][1]
      end
    end
  end)
end

local function status()
  return require("autoresearch").status() or {}
end

local function edit(name)
  vim.cmd.edit(vim.fn.fnameescape(folder .. "/" .. name))
  return vim.api.nvim_get_current_buf()
end

local function text(buf)
  return table.concat(vim.api.nvim_buf_get_lines(buf, 0, -1, false), "\n")
end

local function signs(buf)
  local found = {}
  local ns = vim.api.nvim_get_namespaces()["autoresearch"]
  for _, mark in ipairs(ns and vim.api.nvim_buf_get_extmarks(buf, ns, 0, -1, { details = true }) or {}) do
    if mark[4].sign_text then
      found[mark[2] + 1] = vim.trim(mark[4].sign_text)
    end
  end
  return found
end

local function lenses(buf)
  local titles = {}
  local found = vim.lsp.codelens.enable and vim.lsp.codelens.get({ bufnr = buf }) or vim.lsp.codelens.get(buf)
  for _, one in ipairs(found) do
    local lens = one.lens or one
    table.insert(titles, lens.command and lens.command.title or "?")
  end
  return table.concat(titles, " | ")
end

local function pending(buf)
  local shown = require("autoresearch.hunks").shown[buf]
  return shown and shown.hunks or {}
end

local version = vim.version()
out(("Neovim %d.%d.%d"):format(version.major, version.minor, version.patch))

claim("loading the plugin requires none of its modules", function()
  equal(vim.g.loaded_autoresearch, true)
  for name in pairs(package.loaded) do
    assert(not name:match("^autoresearch"), name)
  end
end)

claim("settings: unknown keys and wrong types are named", function()
  local config = require("autoresearch.config")
  assert(config.problem({ lense = true }):find("no setting 'lense'"))
  assert(config.problem({ lens = 1 }):find("'lens' must be a boolean"))
  equal(config.problem({ cmd = { "x" }, hints = false }), nil)
  equal(pcall(require("autoresearch").setup, { nope = 1 }), false)
end)

claim("a file outside any campaign starts nothing", function()
  vim.cmd.cd("/")
  vim.cmd.edit(vim.fn.tempname() .. ".py")
  equal(#vim.lsp.get_clients({ name = "autoresearch" }), 0)
end)

local program = 0
claim("program.md starts one client and shows the start lens", function()
  program = edit("program.md")
  vim.cmd.cd(folder)
  until_true("attached", function()
    return #vim.lsp.get_clients({ name = "autoresearch", bufnr = program }) == 1
  end)
  until_true("lens", function()
    return lenses(program):find("Start campaign", 1, true)
  end)
  equal(events.Attach, 1)
end)

claim("vim.lsp.enable makes no second client", function()
  if vim.lsp.enable then
    vim.lsp.enable("autoresearch")
    vim.cmd("doautocmd FileType")
    vim.wait(50)
  end
  equal(#vim.lsp.get_clients({ name = "autoresearch" }), 1)
end)

claim("completion names the subcommands and what they take", function()
  local all = vim.fn.getcompletion("AutoResearch ", "cmdline")
  for word in ("start pause resume stop status pull accept revert undo diff results note report log"):gmatch("%a+") do
    assert(vim.list_contains(all, word), word)
  end
  equal(vim.fn.getcompletion("AutoResearch re", "cmdline"), { "report", "results", "resume", "revert" })
  equal(vim.fn.getcompletion("AutoResearch stop ", "cmdline"), { "now" })
  assert(vim.list_contains(vim.fn.getcompletion("AutoResearch accept ", "cmdline"), "all"))
end)

claim("an unknown subcommand says what there is", function()
  run("AutoResearch nonsense", "no subcommand 'nonsense'; there are: accept")
end)

claim("status before a campaign; a refusal is a warning", function()
  run("AutoResearch status", "no campaign yet")
  run("AutoResearch pause", "campaign")
  equal(said[#said][2], vim.log.levels.WARN)
end)

local canvas = 0
claim("start runs the campaign; the status line, events and progress follow", function()
  run("AutoResearch start", "python train.py")
  until_true("status", function()
    return (status().experiments or 0) >= 2
  end)
  assert(require("autoresearch").statusline() ~= "")
  until_true("events", function()
    return events.Status and events.Experiment and events.State and progress > 0
  end)
  until_true("pause lens", function()
    return lenses(program):find("Pause", 1, true)
  end)
  until_true("three kept", function()
    return (status().keeps or 0) >= 4
  end)
  assert(events.Best)
end)

claim("pause waits for the present experiment", function()
  run("AutoResearch pause", "")
  until_true("paused", function()
    return status().state == "paused"
  end)
  until_true("resume lens", function()
    return lenses(program):find("Resume", 1, true)
  end)
end)

local original
claim("the canvas opens with its lens and lags behind", function()
  canvas = edit("train.py")
  original = text(canvas)
  until_true("lens", function()
    return lenses(canvas):find("not in this file · Pull", 1, true)
  end)
  equal(pending(canvas), {})
end)

claim("pull brings the kept line in as one undoable edit; signs, hints, diagnostics appear", function()
  run("AutoResearch pull", "pulled %d+ kept patches")
  assert(text(canvas) ~= original)
  until_true("two hunks", function()
    return #pending(canvas) >= 2
  end)
  until_true("signs", function()
    return next(signs(canvas))
  end)
  for line, sign in pairs(signs(canvas)) do
    assert(sign == "┃~" or sign == "┃+" or sign == "┃-", line .. sign)
  end
  until_true("hints", function()
    return vim.iter(vim.lsp.inlay_hint.get({ bufnr = canvas })):any(function(h)
      return tostring(h.inlay_hint.label):match("^#%d+ ")
    end)
  end)
  until_true("diagnostics", function()
    return #vim.diagnostic.get(canvas) == #pending(canvas)
  end)
  equal(vim.bo[canvas].modified, true)
  local pulled = text(canvas)
  vim.cmd("silent undo")
  equal(text(canvas), original)
  vim.cmd("silent redo")
  equal(text(canvas), pulled)
  until_true("hunks again", function()
    return #pending(canvas) >= 2
  end)
end)

claim("next and previous walk the hunks and go round", function()
  local starts = vim.tbl_map(function(h)
    return h.start + 1
  end, pending(canvas))
  vim.api.nvim_win_set_cursor(0, { 1, 0 })
  for k = 1, #starts + 1 do
    local place = (k - 1) % #starts + 1
    run("AutoResearch next", ("hunk %d of %d"):format(place, #starts))
    equal(vim.api.nvim_win_get_cursor(0)[1], starts[place])
  end
  run("AutoResearch previous", ("hunk %d of %d"):format(#starts, #starts))
  equal(vim.api.nvim_win_get_cursor(0)[1], starts[#starts])
end)

claim("virtual lines show the old text and go away", function()
  local function old()
    local ns = vim.api.nvim_get_namespaces()["autoresearch"]
    return vim.iter(vim.api.nvim_buf_get_extmarks(canvas, ns, 0, -1, { details = true })):any(function(mark)
      return mark[4].virt_lines ~= nil
    end)
  end
  equal(old(), false)
  require("autoresearch").toggle_lines()
  equal(old(), true)
  require("autoresearch").toggle_lines()
  equal(old(), false)
end)

claim("hunks fills the quickfix list", function()
  vim.cmd("AutoResearch hunks")
  until_true("quickfix", function()
    return #vim.fn.getqflist() == #pending(canvas) and vim.bo.buftype == "quickfix"
  end)
  assert(vim.fn.getqflist()[1].text:match("^#%d+"))
  vim.cmd.cclose()
end)

claim("the base export is the text that was there before", function()
  local base, commit
  require("autoresearch.base").get(canvas, function(c, lines)
    commit, base = c, table.concat(lines, "\n")
  end)
  until_true("base", function()
    return base
  end)
  equal(base, original)
  assert(commit:match("^%x+$"))
end)

claim("gitsigns and mini.diff are given the base", function()
  local commit, reference
  package.preload["gitsigns"] = function()
    return {
      change_base = function(given)
        commit = given
      end,
    }
  end
  package.preload["mini.diff"] = function()
    return {
      set_ref_text = function(buf, lines)
        reference = { buf, table.concat(lines, "\n") }
      end,
    }
  end
  require("autoresearch.base").gitsigns(canvas)
  local source = require("autoresearch.base").minidiff()
  source.attach(canvas)
  until_true("both", function()
    return commit and reference
  end)
  equal(reference, { canvas, original })
  equal(source.attach(program), false)
  source.detach(canvas)
end)

claim("accept moves the base, touches no text and takes the sign away", function()
  local before, many = text(canvas), #pending(canvas)
  local line = pending(canvas)[1].start + 1
  vim.api.nvim_win_set_cursor(0, { line, 0 })
  run("AutoResearch accept", "accepted 1 hunk of #%d+")
  until_true("one less", function()
    return #pending(canvas) == many - 1 and #vim.diagnostic.get(canvas) == many - 1
  end)
  equal(text(canvas), before)
  equal(signs(canvas)[line], nil)
end)

local price
claim("revert puts the old line back as one edit and files the price", function()
  local before, hunk = text(canvas), pending(canvas)[#pending(canvas)]
  vim.api.nvim_win_set_cursor(0, { hunk.start + 1, 0 })
  run("AutoResearch revert", "reverted #%d+; its price")
  assert(text(canvas) ~= before)
  local line = vim.api.nvim_buf_get_lines(canvas, hunk.start, hunk.start + 1, false)[1]
  equal(line, (hunk.old[1]:gsub("\n$", "")))
  price = hunk.experiments[#hunk.experiments]
  run("AutoResearch undo", "is back in your buffer")
  equal(text(canvas), before)
end)

claim("resume measures the revert", function()
  run("AutoResearch resume", "")
  until_true("running", function()
    return status().state == "running"
  end)
  local measured
  until_true("ablation", function()
    require("autoresearch.client").request(canvas, "autoresearch/history", { folder = folder }, function(answer)
      for _, e in ipairs(answer.experiments) do
        if e.removes == price and e.verdict then
          measured = e
        end
      end
    end)
    vim.wait(100, function()
      return measured ~= nil
    end)
    return measured
  end)
  equal(measured.reason, "human")
  assert(measured.score)
end)

claim("the operators review the hunks of a motion; repeated accept empties the range", function()
  run("AutoResearch pause", "")
  until_true("paused", function()
    return status().state == "paused"
  end)
  until_true("hunks", function()
    return #pending(canvas) >= 1
  end)
  vim.api.nvim_win_set_cursor(0, { 1, 0 })
  vim.api.nvim_feedkeys(vim.keycode("gaG"), "mx", false)
  until_true("all accepted", function()
    return #pending(canvas) == 0 and next(signs(canvas)) == nil
  end)
end)

claim("accept without a hunk, and of an experiment without one, refuse in a sentence", function()
  run("AutoResearch accept", "no hunk here waits")
  run("AutoResearch accept 0", "no hunk of #0 waits for review")
  run("AutoResearch accept all", "nothing waits for review")
  run("AutoResearch revert nonsense", "give nothing, an experiment")
end)

claim("pull of an experiment restores it; accept and revert of an experiment", function()
  run("AutoResearch pull 0", "#0 is in your buffer")
  equal(text(canvas), original)
  run("AutoResearch pull", "pulled")
  vim.wait(200)
end)

claim("an edit by hand is measured on request", function()
  vim.cmd("silent %s/^DEPTH = 4/DEPTH = 5/")
  run("AutoResearch measure a deeper model", "queued as #%d+")
  vim.cmd("silent undo")
end)

claim("note tells the proposer, with the lines of a range", function()
  run("AutoResearch note keep the depth", "")
  equal(said[#said][2], vim.log.levels.INFO)
  run("7,8AutoResearch note why this value", "")
  equal(said[#said][2], vim.log.levels.INFO)
end)

claim("diff shows the accepted text beside the canvas and leaves it as it was", function()
  vim.cmd("AutoResearch diff")
  until_true("two windows in diff mode", function()
    return #vim.api.nvim_tabpage_list_wins(0) == 2 and vim.wo.diff
  end)
  equal(vim.api.nvim_get_current_buf(), canvas)
  vim.cmd("wincmd h")
  assert(vim.api.nvim_buf_get_name(0):match("^autoresearch://accepted/train.py$"), vim.api.nvim_buf_get_name(0))
  vim.api.nvim_feedkeys("q", "mx", false)
  equal(vim.api.nvim_get_current_buf(), canvas)
  equal(vim.wo.diff, false)
end)

claim("diff of an experiment opens two texts in a tab of their own", function()
  local tabs = #vim.api.nvim_list_tabpages()
  vim.cmd("AutoResearch diff 1")
  until_true("a tab with two windows", function()
    return #vim.api.nvim_list_tabpages() == tabs + 1 and #vim.api.nvim_tabpage_list_wins(0) == 2
  end)
  equal(vim.bo.filetype, "python")
  equal(vim.wo.diff, true)
  equal(vim.bo.modifiable, false)
  vim.api.nvim_feedkeys("q", "mx", false)
  equal(#vim.api.nvim_list_tabpages(), tabs)
  equal(vim.api.nvim_get_current_buf(), canvas)
end)

claim("show opens the details in a float", function()
  vim.cmd("AutoResearch show 1")
  local float = until_true("float", function()
    return vim.iter(vim.api.nvim_list_wins()):find(function(win)
      return vim.api.nvim_win_get_config(win).relative ~= ""
    end)
  end)
  assert(text(vim.api.nvim_win_get_buf(float)):find("#1", 1, true))
  vim.api.nvim_win_close(float, true)
end)

claim("results: every experiment a line, sorted, filtered, <CR> opens the diff", function()
  vim.cmd("AutoResearch results")
  until_true("rows", function()
    return vim.bo.filetype == "autoresearch-results" and vim.api.nvim_buf_line_count(0) > 5
  end)
  local buf = vim.api.nvim_get_current_buf()
  assert(vim.api.nvim_buf_get_lines(buf, 1, 2, false)[1]:match("^# ▲"))
  assert(vim.api.nvim_buf_get_lines(buf, 2, 3, false)[1]:match("^#0 "))
  local function key(keys)
    vim.api.nvim_feedkeys(vim.keycode(keys), "mx", false)
  end
  key("s")
  assert(vim.api.nvim_buf_get_lines(buf, 1, 2, false)[1]:match("score ▲"))
  local best = tonumber(vim.api.nvim_buf_get_lines(buf, 2, 3, false)[1]:match("^#%d+%s+([%d.]+)"))
  assert(best <= status().best + 1e-3, best)
  key("S")
  assert(vim.api.nvim_buf_get_lines(buf, 1, 2, false)[1]:match("score ▼"))
  key("f")
  for _, line in ipairs(vim.api.nvim_buf_get_lines(buf, 2, -1, false)) do
    assert(line:match("✓ keep"), line)
  end
  key("S")
  vim.api.nvim_win_set_cursor(0, { 3, 0 })
  key("y")
  assert(vim.fn.getreg('"'):match("^| #%d+ |"))
  local tabs = #vim.api.nvim_list_tabpages()
  key("<CR>")
  until_true("diff tab", function()
    return #vim.api.nvim_list_tabpages() == tabs + 1 and vim.wo.diff and #vim.api.nvim_tabpage_list_wins(0) == 2
  end)
  key("q")
  equal(vim.api.nvim_get_current_buf(), buf)
end)

claim("results: p restores, r and a review an experiment", function()
  local function key(keys)
    vim.api.nvim_feedkeys(keys, "mx", false)
  end
  local function row(number)
    for n, line in ipairs(vim.api.nvim_buf_get_lines(0, 0, -1, false)) do
      if line:match("^#" .. number .. " ") then
        return vim.api.nvim_win_set_cursor(0, { n, 0 })
      end
    end
    error("no row #" .. number)
  end
  key("fff")
  key("f")
  until_true("all shown", function()
    return pcall(row, 0)
  end)
  row(0)
  local before = #said
  key("r")
  until_true("a refusal", function()
    return #said > before and said[#said][1]:find("no hunk of #0 waits for review")
  end)
  key("a")
  until_true("again", function()
    return #said > before + 1
  end)
  key("p")
  until_true("restored", function()
    return text(canvas) == original
  end)
  key("q")
  equal(vim.api.nvim_get_current_buf(), canvas)
  run("AutoResearch pull", "pulled")
end)

claim("lenses run: showDiff opens our diff", function()
  local lsp = vim.lsp.get_clients({ name = "autoresearch" })[1]
  local command = { title = "Diff", command = "autoresearch.showDiff", arguments = { { experiment = 1 } } }
  local tabs = #vim.api.nvim_list_tabpages()
  if lsp.exec_cmd then
    lsp:exec_cmd(command, { bufnr = canvas })
  else
    lsp:_exec_cmd(command, { bufnr = canvas })
  end
  until_true("tab", function()
    return #vim.api.nvim_list_tabpages() == tabs + 1
  end)
  vim.cmd.tabclose()
end)

claim("report writes its files; log opens at its end", function()
  run("AutoResearch report", "")
  until_true("report.html", function()
    return vim.uv.fs_stat(folder .. "/report.html")
  end)
  vim.cmd("AutoResearch log")
  assert(vim.api.nvim_buf_get_name(0):match("daemon.log$"), vim.api.nvim_buf_get_name(0))
  equal(vim.bo.modifiable, false)
  vim.cmd.close()
  vim.cmd("AutoResearch log server")
  assert(text(0):find("autoresearch.report", 1, true))
  vim.cmd.close()
  vim.cmd("AutoResearch log 1")
  assert(text(0):find("val_bpb", 1, true))
  vim.cmd.close()
end)

claim("commit refuses in a sentence while the canvas is not saved", function()
  run("AutoResearch commit", "")
end)

claim("checkhealth names server, folder and the doctor's findings", function()
  vim.cmd("checkhealth autoresearch")
  local report = text(0)
  for _, word in ipairs({ "Neovim", "autoresearch", "branch main", "git" }) do
    assert(report:find(word, 1, true), word .. "\n" .. report)
  end
  vim.cmd("bwipeout!")
end)

claim("reload: a new client finds everything", function()
  local lsp = vim.lsp.get_clients({ name = "autoresearch" })[1]
  vim.cmd.buffer(canvas)
  local id = lsp.id
  if vim.version().minor >= 11 then
    lsp:stop()
  else
    lsp.stop()
  end
  until_true("stopped", function()
    return vim.lsp.get_client_by_id(id) == nil
  end)
  until_true("signs are gone with it", function()
    return next(signs(canvas)) == nil
  end)
  require("autoresearch.client").status = {}
  vim.cmd.write()
  vim.cmd.edit()
  until_true("status", function()
    return (status().experiments or 0) > 5
  end)
  run("AutoResearch status", "best")
  until_true("lens", function()
    return lenses(canvas):find("best", 1, true)
  end)
end)

claim("stop now ends the daemon", function()
  run("AutoResearch stop now", "")
  until_true("stopped", function()
    return status().state == "stopped"
  end)
end)

claim("the help has a tag for the command", function()
  local copy = vim.fn.tempname()
  vim.fn.mkdir(copy .. "/doc", "p")
  vim.uv.fs_copyfile(
    vim.env.AUTORESEARCH_ROOT .. "/editors/neovim/doc/autoresearch.txt",
    copy .. "/doc/autoresearch.txt"
  )
  vim.cmd("helptags " .. copy .. "/doc")
  vim.opt.runtimepath:prepend(copy)
  vim.cmd("help :AutoResearch")
  assert(vim.api.nvim_buf_get_name(0):match("doc/autoresearch.txt$"))
  local help = text(0)
  for name in pairs(require("autoresearch.command").subcommands) do
    assert(help:find("AutoResearch " .. name, 1, true), name)
  end
  for name in pairs(require("autoresearch.config").defaults) do
    assert(help:find(name, 1, true), name)
  end
end)

out(("%d claims hold"):format(count))
vim.cmd("qa!")
