local t = require("harness")

t.claim("a client that ends takes its signs and its status with it; a new one finds everything", function()
  local canvas, lsp = t.buf["train.py"], t.client()
  t.run("AutoResearch pull", "pulled")
  local id, many, shown = lsp.id, #t.pending(), require("autoresearch.hunks").shown
  local accepted = assert(shown[canvas].base)
  if vim.fn.has("nvim-0.11") == 1 then
    lsp:stop()
  else
    lsp.stop()
  end
  t.wait("stopped", function()
    return vim.lsp.get_client_by_id(id) == nil
  end)
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

t.claim("stop now ends the daemon", function()
  t.run("AutoResearch stop now", "")
  t.state("stopped")
end)
