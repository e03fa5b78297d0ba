local t = require("harness")

---End the client and wait until it is gone.
local function stop(lsp)
  local id = lsp.id
  if vim.fn.has("nvim-0.11") == 1 then
    lsp:stop()
  else
    lsp.stop()
  end
  t.wait("stopped", function()
    return vim.lsp.get_client_by_id(id) == nil
  end)
end

t.claim("a client that ends takes its signs and its status with it; a new one finds everything", function()
  local canvas = t.buf["train.py"]
  t.run("AutoResearch pull", "pulled")
  local many, shown = #t.pending(), require("autoresearch.hunks").shown
  local accepted = assert(shown[canvas].base)
  stop(t.client())
  t.wait("nothing is left of it", function()
    return next(t.signs(canvas)) == nil and t.status().state == nil and require("autoresearch").statusline() == ""
  end)
  vim.cmd("silent write")
  vim.cmd.edit()
  t.wait("status", function()
    return (t.status().experiments or 0) > 5
  end)
  t.run("AutoResearch status", "best")
  t.lens(canvas, "best")
  t.wait("what was accepted before is still accepted", function()
    return shown[canvas] and shown[canvas].base == accepted
  end)
  t.left(many)
end)

t.claim("a command may be the first thing of all: it starts one client and finds the canvas", function()
  stop(t.client())
  vim.cmd("silent %bwipeout!")
  t.run("AutoResearch pull 0", "#0 is in your buffer")
  t.equal(#vim.lsp.get_clients({ name = "autoresearch", _uninitialized = true }), 1)
  t.equal(t.text(vim.fn.bufnr("train.py")), t.original)
  t.equal(vim.api.nvim_buf_get_name(0), "") -- nothing was opened that nobody asked for
end)

t.claim("stop now ends the daemon", function()
  t.run("AutoResearch stop now", "")
  t.state("stopped")
end)

t.claim("nothing deprecated was called", function()
  if vim.fn.has("nvim-0.11") == 1 then
    vim.cmd("checkhealth vim.deprecated")
    assert(t.text(0):find("No deprecated functions detected", 1, true), t.text(0))
  end
end)
