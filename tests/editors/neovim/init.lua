-- A user's configuration, as small as can be: the plugin on the runtime path and the server's command.
vim.opt.runtimepath:prepend(vim.env.AUTORESEARCH_ROOT .. "/editors/neovim")
vim.g.autoresearch = { cmd = { vim.env.AUTORESEARCH_CMD, "lsp" } }
vim.o.swapfile, vim.o.number, vim.o.signcolumn, vim.o.laststatus = false, true, "yes:1", 2
vim.o.statusline = "%t %= %{v:lua.require'autoresearch'.statusline()} "
vim.g.mapleader = " "
vim.keymap.set("n", "]r", "<Plug>(AutoResearchNext)")
vim.keymap.set("n", "[r", "<Plug>(AutoResearchPrev)")
vim.keymap.set("n", "<Leader>ra", "<Plug>(AutoResearchAccept)")
vim.keymap.set("n", "<Leader>rr", "<Plug>(AutoResearchRevert)")
vim.keymap.set("n", "<Leader>ru", "<Plug>(AutoResearchUndo)")
vim.keymap.set({ "n", "x" }, "ga", "<Plug>(AutoResearchAcceptOperator)")
vim.keymap.set({ "n", "x" }, "gs", "<Plug>(AutoResearchRevertOperator)")
vim.keymap.set({ "o", "x" }, "ih", "<Plug>(AutoResearchHunk)")
vim.keymap.set("n", "<Leader>rl", function()
  vim.lsp.codelens.run()
end)
