local t = require("harness")

t.claim("loading the plugin requires none of its modules", function()
  t.equal(vim.g.loaded_autoresearch, true)
  for name in pairs(package.loaded) do
    assert(not name:match("^autoresearch"), name)
  end
  t.equal(require("autoresearch").statusline(), "")
  t.equal(package.loaded["autoresearch.status"], nil)
end)

t.claim("a wrong setting is named, with what it must be", function()
  local problem = require("autoresearch.config").problem
  for expected, given in pairs({
    ["there is no setting 'lense'"] = { lense = true },
    ["'lens' must be a boolean, not 1"] = { lens = 1 },
    ["'sign_priority' must be a number"] = { sign_priority = "20" },
    ["'cmd' must be a list such as"] = { cmd = true },
    ["'cmd' must be a list"] = { cmd = {} },
    ["'sign_text' must be a table with add, change, delete"] = { sign_text = { add = "+++" } },
    ["'sign_text' must be a table with"] = { sign_text = { changed = "~" } },
    ["settings must be a table, not a string"] = "lens",
  }) do
    assert((problem(given) or ""):find(expected, 1, true), ("%s: %s"):format(expected, problem(given)))
  end
  t.equal(problem({ cmd = { "x" }, hints = false, sign_text = { add = "+" } }), nil)
  local ok, why = pcall(require("autoresearch").setup, { nope = 1 })
  t.equal({ ok, why:match("'nope'") }, { false, "'nope'" })
end)

t.claim("setup keeps what it was not given", function()
  local config = require("autoresearch.config")
  config.set({ sign_text = { add = "+" } })
  t.equal(config.get().sign_text, { add = "+", change = "┃~", delete = "┃-" })
  config.set(vim.g.autoresearch)
end)

t.claim("a server that cannot be found says where it was looked for and what to do", function()
  local config, find = require("autoresearch.config"), require("autoresearch.server").find
  config.set({ cmd = { "/nowhere/autoresearch" } })
  t.equal({ find("/x") }, { nil, "autoresearch: 'cmd' names /nowhere/autoresearch, which cannot be run" })
  config.set({})
  local path = vim.env.PATH
  vim.env.PATH = "/nowhere"
  local _, why = find("/x")
  vim.env.PATH = path
  assert(why:find("no server in PATH; install it with 'pipx install", 1, true), why)
  config.set(vim.g.autoresearch)
end)

t.claim("the campaign's own .venv is run only on request, and is found then", function()
  local config, find = require("autoresearch.config"), require("autoresearch.server").find
  local folder = vim.fn.tempname()
  local own = folder .. "/.venv/bin/autoresearch"
  vim.fn.mkdir(vim.fs.dirname(own), "p")
  vim.fn.writefile({ "#!/bin/sh" }, own)
  vim.uv.fs_chmod(own, 448)
  local path = vim.env.PATH
  vim.env.PATH = "/nowhere"
  config.set({})
  local command, why = find(folder)
  config.set({ venv = true })
  local allowed = find(folder)
  vim.env.PATH = path
  config.set(vim.g.autoresearch)
  t.equal(command, nil)
  assert(why:find("{ venv = true } lets it run", 1, true), why)
  t.equal(allowed, { own, "lsp" })
end)

t.claim("a file outside any campaign starts nothing", function()
  vim.cmd.cd("/")
  vim.cmd.edit(vim.fn.tempname() .. ".py")
  t.equal(#vim.lsp.get_clients({ name = "autoresearch", _uninitialized = true }), 0)
  t.run("AutoResearch status", "no program.md here or above; 'autoresearch init' makes")
end)

t.claim("an unknown subcommand says what there is", function()
  t.run("AutoResearch nonsense", "no subcommand 'nonsense'; there are: accept")
end)
