local t = require("harness")

local original

t.claim("the canvas opens with its lens and lags behind", function()
  local canvas = t.edit("train.py")
  original = t.text(canvas)
  t.original = original
  t.lens(canvas, "not in this file · Pull")
  t.equal(t.pending(), {})
end)

t.claim("pull is one edit that u takes back; signs, hints and diagnostics appear; the file is not written", function()
  local canvas = t.buf["train.py"]
  t.run("AutoResearch pull", "pulled %d+ kept patches")
  assert(t.text(canvas) ~= original)
  assert(#t.pending() >= 3, #t.pending())
  for _, hunk in ipairs(t.pending()) do
    t.equal(t.signs(canvas)[hunk.start + 1], "┃~")
  end
  t.wait("hints", function()
    return vim.iter(vim.lsp.inlay_hint.get({ bufnr = canvas })):any(function(one)
      return tostring(one.inlay_hint.label):match("^#%d+ ")
    end)
  end)
  local many = #t.pending()
  t.wait("diagnostics", function()
    return #vim.diagnostic.get(canvas) == many
  end)
  t.equal(vim.bo[canvas].modified, true)
  t.equal(table.concat(vim.fn.readfile(t.folder .. "/train.py"), "\n"), original)
  local pulled = t.text(canvas)
  vim.cmd("silent undo")
  t.equal(t.text(canvas), original)
  t.left(0)
  vim.cmd("silent redo")
  t.equal(t.text(canvas), pulled)
  t.left(many)
end)

t.claim("accept and revert complete the experiments that wait", function()
  local waiting = vim.fn.getcompletion("AutoResearch revert ", "cmdline")
  local wrote = {}
  for _, hunk in ipairs(t.pending()) do
    for _, n in ipairs(hunk.experiments) do
      wrote[tostring(n)] = true
    end
  end
  t.equal(#waiting, vim.tbl_count(wrote))
  for _, n in ipairs(waiting) do
    t.equal(wrote[n], true)
  end
end)

t.claim("next and previous walk the hunks, go round, take a count, and come from elsewhere", function()
  local starts = vim.tbl_map(function(hunk)
    return hunk.start + 1
  end, t.pending())
  local many = #starts
  local function at(place, act)
    t.says(("hunk %d of %d"):format(place, many), act)
    t.equal(vim.api.nvim_win_get_cursor(0)[1], starts[place])
  end
  vim.api.nvim_win_set_cursor(0, { 1, 0 })
  for k = 1, many + 1 do
    at((k - 1) % many + 1, function()
      vim.cmd("AutoResearch next")
    end)
  end
  at(many, function()
    vim.cmd("AutoResearch previous")
  end)
  vim.api.nvim_win_set_cursor(0, { 1, 0 })
  at(2, function()
    t.keys("2]r")
  end)
  at(1, function()
    t.keys("[r")
  end)
  vim.cmd.buffer(t.buf["program.md"])
  vim.cmd("AutoResearch next")
  t.wait("the canvas", function()
    return vim.api.nvim_get_current_buf() == t.buf["train.py"]
  end)
end)

t.claim("virtual lines show the old text and go away", function()
  local canvas = t.buf["train.py"]
  t.equal(t.has_virtual_lines(canvas), false)
  require("autoresearch").toggle_lines()
  t.equal(t.has_virtual_lines(canvas), true)
  require("autoresearch").toggle_lines()
  t.equal(t.has_virtual_lines(canvas), false)
end)

t.claim("the hunk is a text object", function()
  local hunk = t.pending()[1]
  vim.api.nvim_win_set_cursor(0, { hunk.start + 1, 3 })
  t.keys("yih")
  t.equal(vim.fn.getreg('"'), table.concat(hunk.new))
  t.equal(vim.fn.getregtype('"'), "V")
end)

t.claim("the base export is the accepted text and its commit", function()
  local lines, commit
  require("autoresearch.base").get(t.buf["train.py"], function(...)
    commit, lines = ...
  end)
  t.wait("base", function()
    return lines
  end)
  t.equal(table.concat(lines, "\n"), original)
  assert(commit:match("^%x+$"))
end)

t.claim("gitsigns, mini.diff and the open diff are given the base, and again when it moves", function()
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
  local canvas = t.buf["train.py"]
  require("autoresearch.base").gitsigns(canvas)
  local source = require("autoresearch.base").minidiff()
  t.equal(source.attach(t.buf["program.md"]), false)
  source.attach(canvas)
  t.wait("both", function()
    return commit and reference
  end)
  t.equal(reference, { canvas, original })
  vim.cmd("AutoResearch diff")
  t.wait("the diff", function()
    return t.windows() == 2
  end)
  local beside = vim.fn.bufnr("autoresearch://train.py@accepted")
  t.equal(t.text(beside), original)
  local first, many = commit, #t.pending()
  local one = t.pending()[1].experiments[1]
  t.run("AutoResearch accept " .. one, "accepted 1 hunk of #" .. one)
  t.left(many - 1)
  t.wait("all anew", function()
    return commit ~= first and reference[2] ~= original and t.text(beside) == reference[2]
  end)
  vim.cmd.only()
  source.detach(canvas)
end)
