-- What a lens or a code action runs. Views are Neovim's own; the rest is the server's, asked from here so that its
-- answer is said and every view is asked for anew.
local client = require("autoresearch.client")

---@type table<string, fun(command: lsp.Command, ctx: table)>
local M = {}

---@param name string
---@param act fun(buf: integer, arguments: table)
local function on(name, act)
  M["autoresearch." .. name] = function(command, ctx)
    local arguments = (command.arguments or {})[1] or {}
    local buf = arguments.uri and vim.uri_to_bufnr(arguments.uri) or ctx.bufnr
    act(vim.api.nvim_buf_is_loaded(buf) and buf or ctx.bufnr, arguments)
  end
end

on("showDiff", function(buf, arguments)
  require("autoresearch.diff").experiment(buf, arguments.experiment)
end)
on("showExperiment", function(buf, arguments)
  require("autoresearch.diff").details(buf, arguments.experiment)
end)
on("showResults", function(buf)
  require("autoresearch.results").open(buf)
end)
on("nextHunk", function(buf)
  require("autoresearch.review").jump(buf, 1)
end)
on("previousHunk", function(buf)
  require("autoresearch.review").jump(buf, -1)
end)

local names = "start pause resume stop status pull acceptHunk revertHunk acceptExperiment revertExperiment acceptAll "
  .. "undoRevert measureEdit note report commitAccepted"
for name in names:gmatch("%a+") do
  on(name, function(buf, arguments)
    client.exec(buf, name, arguments)
  end)
end

return M
