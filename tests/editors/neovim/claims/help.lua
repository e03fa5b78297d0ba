local t = require("harness")

local function read(path)
  return table.concat(vim.fn.readfile(t.root .. "/editors/neovim/" .. path), "\n")
end

local help = read("doc/autoresearch.txt")

local function has(words)
  assert(help:find(words, 1, true), words .. ": not in the help")
end

t.claim("the help makes its tags, and each can be gone to", function()
  local copy = vim.fn.tempname()
  vim.fn.mkdir(copy .. "/doc", "p")
  vim.fn.writefile(vim.split(help, "\n"), copy .. "/doc/autoresearch.txt")
  vim.cmd.helptags(copy .. "/doc")
  vim.opt.runtimepath:prepend(copy)
  local tags = vim.tbl_map(function(line)
    return line:match("^[^\t]+")
  end, vim.fn.readfile(copy .. "/doc/tags"))
  assert(vim.list_contains(tags, ":AutoResearch") and #tags > 8, vim.inspect(tags))
  for _, tag in ipairs(tags) do
    vim.cmd.help(tag)
    vim.cmd.helpclose()
  end
end)

t.claim("each link of the help is a tag, of its own or of Neovim's", function()
  local links = 0
  for tag in help:gmatch("|([^|%s]+)|") do
    links = links + 1
    local found = vim.fn.getcompletion(tag, "help")
    local ours_or_theirs = vim.list_contains(found, tag) or vim.list_contains({ "vim.lsp.enable()", "hl-Added" }, tag)
    assert(ours_or_theirs, tag .. ": no such tag")
  end
  assert(links > 5)
end)

t.claim(
  "the help names every subcommand, setting, map, event, highlight and function, and no line is too long",
  function()
    for name in pairs(require("autoresearch.subcommands")) do
      has("AutoResearch " .. name)
    end
    for name, default in pairs(require("autoresearch.config").defaults) do
      has(("%s = %s"):format(name, type(default) == "table" and "{" or type(default) == "string" and '"' or default))
    end
    for _, map in ipairs(vim.api.nvim_get_keymap("n")) do
      if map.lhs:match("^<Plug>%(AutoResearch") then
        has(map.lhs)
      end
    end
    for _, name in ipairs({ "Attach", "Status", "Experiment", "Best", "State", "Hunks" }) do
      has(("`AutoResearch%s`"):format(name))
    end
    for name in read("lua/autoresearch/hunks.lua"):gmatch("\n  (AutoResearch%a+) = ") do
      has(("`%s`"):format(name))
    end
    for _, line in ipairs(vim.split(help, "\n")) do
      assert(vim.fn.strdisplaywidth(line) <= 79, line)
    end
  end
)
