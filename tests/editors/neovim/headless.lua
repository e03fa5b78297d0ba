-- nvim --headless -u init.lua -c 'luafile headless.lua': every command of the plugin against the real server and a real
-- daemon, in the order of one night. The first claim that fails says what it saw, and Neovim exits with 1.
local here = vim.fs.dirname(debug.getinfo(1, "S").source:sub(2))
package.path = here .. "/?.lua;" .. package.path
local harness = require("harness")
for _, name in ipairs({ "settings", "help", "campaign", "hunks", "review", "diffs", "results", "reload" }) do
  dofile(("%s/claims/%s.lua"):format(here, name))
end
harness.finish()
