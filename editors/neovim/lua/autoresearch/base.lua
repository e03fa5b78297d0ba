-- The accepted base for other plugins: gitsigns compares with its commit, mini.diff with its text.
local M = {}

local hunks = require("autoresearch.hunks")

---Run `act` with the commit and the lines of the accepted base of a canvas.
---@param buf integer
---@param act fun(commit: string, lines: string[])
function M.get(buf, act)
  hunks.ask(buf, function(answer)
    if answer.base and vim.api.nvim_buf_is_loaded(buf) then
      act(answer.base, hunks.base(buf, answer))
    end
  end)
end

---Point gitsigns at the accepted base in the current buffer, and again whenever it moves.
---@param buf? integer
function M.gitsigns(buf)
  buf = buf or vim.api.nvim_get_current_buf()
  local last
  local function point()
    M.get(buf, function(commit)
      if commit ~= last then
        last = commit
        vim.api.nvim_buf_call(buf, function()
          require("gitsigns").change_base(commit)
        end)
      end
    end)
  end
  vim.api.nvim_create_autocmd("User", {
    pattern = "AutoResearchHunks",
    callback = function(args)
      if not vim.api.nvim_buf_is_valid(buf) then
        return true
      elseif args.data.buf == buf then
        point()
      end
    end,
  })
  point()
end

---Return a source for mini.diff: `require("mini.diff").setup({ source = require("autoresearch.base").minidiff() })`.
---@return table
function M.minidiff()
  local watched = {}
  local function give(buf)
    M.get(buf, function(_, lines)
      require("mini.diff").set_ref_text(buf, lines)
    end)
  end
  return {
    name = "autoresearch",
    attach = function(buf)
      if require("autoresearch.attach").role(buf) ~= "canvas" then
        return false
      end
      watched[buf] = vim.api.nvim_create_autocmd("User", {
        pattern = "AutoResearchHunks",
        callback = function(args)
          if args.data.buf == buf then
            give(buf)
          end
        end,
      })
      give(buf)
    end,
    detach = function(buf)
      if watched[buf] then
        vim.api.nvim_del_autocmd(watched[buf])
        watched[buf] = nil
      end
    end,
  }
end

return M
