local t = require("harness")
local client = require("autoresearch.client")

t.claim("program.md starts one client and shows the start lens", function()
  local program = t.edit("program.md")
  vim.cmd.cd(vim.fn.fnameescape(t.folder))
  t.wait("attached", function()
    return #vim.lsp.get_clients({ name = "autoresearch", bufnr = program }) == 1
  end)
  t.lens(program, "Start campaign")
  t.equal(t.events.Attach, 1)
end)

t.claim("vim.lsp.enable makes no second client", function()
  if vim.lsp.enable then
    vim.lsp.enable("autoresearch")
    vim.cmd("doautocmd FileType")
    local turned = false
    vim.schedule(function() -- after what the autocommand scheduled
      turned = true
    end)
    t.wait("a turn of the loop", function()
      return turned
    end)
  end
  t.equal(#vim.lsp.get_clients({ name = "autoresearch", _uninitialized = true }), 1)
end)

t.claim("completion names the subcommands and what they take", function()
  local function completes(line)
    return vim.fn.getcompletion("AutoResearch " .. line, "cmdline")
  end
  local all = completes("")
  local some = "start pause resume stop status pull accept revert undo diff results note report verify log"
  for word in some:gmatch("%a+") do
    assert(vim.list_contains(all, word), word)
  end
  t.equal(completes("re"), { "report", "results", "resume", "revert" })
  t.equal(completes("stop "), { "now" })
  t.equal(completes("verify "), { "pairs=", "keeps=" })
  t.equal(completes("accept "), { "all" })
  t.equal(completes("start e"), { "experiments=" })
  t.equal(completes("nonsense "), {})
end)

t.claim("status before a campaign; a refusal is a warning", function()
  t.run("AutoResearch status", "no campaign yet")
  local _, level = t.run("AutoResearch pause", "campaign")
  t.equal(level, vim.log.levels.WARN)
  t.run("AutoResearch verify", "no campaign has been started here")
  t.run("AutoResearch verify pears=5", "'pears=5' is unknown; give nothing, 'pairs=5' or 'keeps=3'")
end)

t.claim("start says what it runs; status line, events, progress and lens follow", function()
  t.run("AutoResearch start", "python train.py")
  t.wait("three knobs changed", function()
    return (t.status().keeps or 0) >= 5
  end)
  assert(require("autoresearch").statusline():find("best", 1, true), require("autoresearch").statusline())
  for _, event in ipairs({ "Status", "Experiment", "Best", "State", "Progress" }) do
    assert(t.events[event], event)
  end
  t.lens(t.buf["program.md"], "Pause")
end)

t.claim("pause waits for the present experiment", function()
  t.run("AutoResearch pause", "")
  t.state("paused")
  t.lens(t.buf["program.md"], "Resume")
end)

t.claim("completion knows the experiments and the campaigns", function()
  local numbers
  t.wait("every number, also of what waits, the newest first", function()
    client.request(t.buf["program.md"], "autoresearch/history", { folder = t.folder }, function(answer)
      numbers = vim.tbl_map(function(e)
        return tostring(e.number)
      end, answer.experiments)
    end)
    return numbers and vim.deep_equal(vim.fn.getcompletion("AutoResearch diff ", "cmdline"), vim.fn.reverse(numbers))
  end, 100)
  t.equal(vim.fn.getcompletion("AutoResearch status ", "cmdline"), { t.status().campaign })
end)

t.claim("both names of the table are known", function()
  for _, name in ipairs({ "results.tsv", "results-nov23.tsv" }) do
    t.equal(require("autoresearch.attach").role(vim.fn.bufadd(t.folder .. "/" .. name)), "results")
    vim.cmd.bwipeout({ vim.fn.fnameescape(t.folder .. "/" .. name) })
  end
end)

t.claim("note tells the proposer; without words it asks", function()
  local _, level = t.run("AutoResearch note keep the depth", "")
  t.equal(level, vim.log.levels.INFO)
  local asked
  vim.ui.input = function(options, answer)
    asked = options.prompt
    answer("the depth is right")
  end
  t.run("7,8AutoResearch note 1", "")
  t.equal(asked, "Tell the proposer: ")
end)

t.claim("report writes its files, and opens the page with !", function()
  t.run("AutoResearch report", "report.html")
  assert(vim.uv.fs_stat(t.folder .. "/report.html"))
  local opened
  vim.ui.open = function(path)
    opened = path
  end
  t.run("AutoResearch! report", "report.html")
  t.wait("opened", function()
    return opened
  end)
  t.equal(vim.uv.fs_realpath(opened), vim.uv.fs_realpath(t.folder .. "/report.html"))
end)

t.claim("log shows a run's and the server's, q closes it; the daemon's has nothing to tell", function()
  t.run("AutoResearch log", "the daemon's log is empty")
  for argument, words in pairs({ [" server"] = "autoresearch.report", [" 1"] = "val_bpb" }) do
    vim.cmd("AutoResearch log" .. argument)
    assert(t.text(0):find(words, 1, true), argument .. "\n" .. t.text(0))
    t.equal({ t.windows(), vim.bo.modifiable }, { 2, false })
    t.keys("q")
    t.equal(t.windows(), 1)
  end
  t.run("AutoResearch log 999", "#999 has no log yet")
end)

t.claim("checkhealth names editor, server, branch and the doctor's findings", function()
  vim.cmd("checkhealth autoresearch")
  local report = t.text(0)
  local campaign = "campaign in " .. vim.uv.fs_realpath(t.folder)
  for _, words in ipairs({ "OK Neovim 0.", "settings are valid", "looks after ", campaign, "branch main" }) do
    assert(report:find(words, 1, true), words .. "\n" .. report)
  end
  for _, check in ipairs({ "OK python: ", "OK git: " }) do
    assert(report:gsub("[-✅]", ""):gsub(" +", " "):find(check, 1, true), check .. "\n" .. report)
  end
  vim.cmd("bwipeout!")
end)
