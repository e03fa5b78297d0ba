-- Registers names only; every module is loaded when it is first used.
if vim.g.loaded_autoresearch then
  return
end
vim.g.loaded_autoresearch = true

if vim.fn.has("nvim-0.10") == 0 then
  vim.notify_once("autoresearch: Neovim 0.10 or newer is needed", vim.log.levels.WARN)
  return
end

vim.api.nvim_create_user_command("AutoResearch", function(call)
  require("autoresearch.command").run(call)
end, {
  nargs = "*",
  range = true,
  bang = true,
  desc = "Drive and review an AutoResearch campaign",
  complete = function(lead, line, cursor)
    return require("autoresearch.command").complete(lead, line, cursor)
  end,
})

-- No key is mapped by default; these name functions of lua/autoresearch/init.lua.
local plugs = {
  Next = "next_hunk",
  Prev = "prev_hunk",
  Accept = "accept",
  Revert = "revert",
  Undo = "undo",
  Diff = "diff",
  Results = "results",
  Lines = "toggle_lines",
}
for name, call in pairs(plugs) do
  vim.keymap.set("n", ("<Plug>(AutoResearch%s)"):format(name), function()
    require("autoresearch")[call]()
  end, { desc = "AutoResearch: " .. call:gsub("_", " ") })
end
for _, verb in ipairs({ "Accept", "Revert" }) do
  vim.keymap.set({ "n", "x" }, ("<Plug>(AutoResearch%sOperator)"):format(verb), function()
    return require("autoresearch.review").operator(verb:lower())
  end, { expr = true, desc = ("AutoResearch: %s the hunks of a motion"):format(verb:lower()) })
end
vim.keymap.set({ "o", "x" }, "<Plug>(AutoResearchHunk)", function()
  require("autoresearch").select_hunk()
end, { desc = "AutoResearch: the hunk under the cursor" })

local group = vim.api.nvim_create_augroup("autoresearch", {})
vim.api.nvim_create_autocmd("FileType", {
  group = group,
  pattern = { "python", "markdown", "tsv" },
  desc = "Start the language server below a program.md",
  callback = function(args)
    if vim.bo[args.buf].buftype == "" and vim.fs.root(args.buf, "program.md") then
      vim.schedule(function() -- the text is on the screen before any client is loaded
        if vim.api.nvim_buf_is_loaded(args.buf) then
          require("autoresearch.client").open(args.buf)
        end
      end)
    end
  end,
})
vim.api.nvim_create_autocmd("LspAttach", {
  group = group,
  desc = "Show what the language server knows",
  callback = function(args)
    local client = vim.lsp.get_client_by_id(args.data.client_id)
    if client and client.name == "autoresearch" then
      require("autoresearch.attach").attach(args.buf, client)
    end
  end,
})
