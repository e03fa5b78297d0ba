local t = require("harness")

local canvas = t.buf["train.py"]

---Show the accepted text beside the canvas.
local function diff()
  vim.cmd("AutoResearch diff")
  t.wait("two windows in diff mode", function()
    return t.windows() == 2 and vim.wo.diff
  end)
  t.equal(vim.api.nvim_get_current_buf(), canvas)
end

local function diff_is_over()
  t.wait("one window without a diff", function()
    return t.windows() == 1 and not vim.wo.diff and not vim.wo.scrollbind
  end)
end

---Show what #1 changed.
local function diff_of_one()
  local tabs = #vim.api.nvim_list_tabpages()
  vim.cmd("AutoResearch diff 1")
  t.wait("a tab with two windows", function()
    return #vim.api.nvim_list_tabpages() == tabs + 1 and t.windows() == 2
  end)
end

t.claim("diff shows the accepted text beside the canvas; q leaves the canvas as it was", function()
  diff()
  vim.cmd("AutoResearch diff") -- again: nothing more is opened
  t.run("AutoResearch status", "best") -- answered after it
  if vim.lsp.codelens.is_enabled then -- lenses in lines of their own would move the two sides apart
    t.equal(vim.lsp.codelens.is_enabled({ bufnr = canvas }), false)
  end
  vim.cmd("wincmd h")
  t.equal(vim.api.nvim_buf_get_name(0), "autoresearch://train.py@accepted")
  t.equal(vim.bo.modifiable, false)
  t.keys("q")
  t.equal({ vim.api.nvim_get_current_buf(), t.windows() }, { canvas, 1 })
  diff_is_over()
  t.lens(canvas, "best")
end)

t.claim("the diff ends by :q, :only and :quit of the canvas, too", function()
  diff()
  vim.cmd("wincmd h | quit")
  diff_is_over()
  diff()
  vim.cmd.only()
  diff_is_over()
  diff()
  vim.cmd.hide()
  diff_is_over()
  t.equal(vim.api.nvim_buf_get_name(0), "autoresearch://train.py@accepted")
  t.keys("q") -- in the only window
  t.equal({ vim.api.nvim_get_current_buf(), t.windows() }, { canvas, 1 })
end)

t.claim("diff of an experiment opens two texts in a tab of their own, q closes both", function()
  diff_of_one()
  t.equal({ vim.bo.filetype, vim.wo.diff, vim.bo.modifiable }, { "python", true, false })
  t.keys("q")
  t.equal({ #vim.api.nvim_list_tabpages(), vim.api.nvim_get_current_buf() }, { 1, canvas })
end)

t.claim("one side of it closed leaves the other without a diff; q in the last tab goes back", function()
  diff_of_one()
  vim.cmd.quit()
  t.wait("no diff", function()
    return t.windows() == 1 and not vim.wo.diff
  end)
  t.keys("q")
  t.equal(vim.api.nvim_get_current_buf(), canvas)
  diff_of_one()
  vim.cmd.tabonly()
  t.keys("q")
  t.wait("the canvas", function()
    return not vim.wo.diff
  end)
  vim.cmd("silent! only")
  vim.cmd.buffer(canvas)
end)

t.claim("an unknown experiment is refused in a sentence", function()
  t.run("AutoResearch diff 999", "999")
  t.equal(t.windows(), 1)
end)

t.claim("show opens the details in a float", function()
  vim.cmd("AutoResearch show 1")
  local float = t.wait("float", function()
    return vim.iter(vim.api.nvim_list_wins()):find(function(window)
      return vim.api.nvim_win_get_config(window).relative ~= ""
    end)
  end)
  assert(t.text(vim.api.nvim_win_get_buf(float)):find("#1", 1, true))
  vim.api.nvim_win_close(float, true)
end)

t.claim("a lens runs what Neovim shows better: showDiff opens our diff", function()
  local command = { title = "Diff", command = "autoresearch.showDiff", arguments = { { experiment = 1 } } }
  local lsp = t.client()
  if lsp.exec_cmd then
    lsp:exec_cmd(command, { bufnr = canvas })
  else
    lsp:_exec_cmd(command, { bufnr = canvas })
  end
  t.wait("tab", function()
    return #vim.api.nvim_list_tabpages() == 2
  end)
  vim.cmd.tabclose()
end)
