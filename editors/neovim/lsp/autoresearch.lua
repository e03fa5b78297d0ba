-- For `vim.lsp.enable("autoresearch")` (Neovim 0.11 and later). With the whole plugin installed nothing needs enabling:
-- plugin/autoresearch.lua starts the same client, and the two never make a second one.
return require("autoresearch.client").config()
