-- The accepted base for other plugins: gitsigns compares with its commit, mini.diff with its text.
local M = {}

local client = require("autoresearch.client")
local hunks = require("autoresearch.hunks")

---Run `act` with the commit and the lines of the accepted base of a canvas.
---@param buf integer
---@param act fun(commit: string, lines: string[])
function M.get(buf, act)
  hunks.ask(buf, function(answer)
    local folder = client.folder(buf)
    client.request(buf, "autoresearch/text", { folder = folder, at = "accepted" }, function(found)
      if answer.base and vim.api.nvim_buf_is_loaded(buf) then
        act(answer.base, require("autoresearch.diff").lines(found.text))
      end
    end)
  end)
end

---Run `act` whenever what waits for review in a buffer has changed, as long as the buffer lives.
---@param buf integer
---@param act fun()
---@return integer autocommand
local function follow(buf, act)
  return vim.api.nvim_create_autocmd("User", {
    pattern = "AutoResearchHunks",
    callback = function(args)
      if not vim.api.nvim_buf_is_valid(buf) then
        return true
      elseif args.data.buf == buf then
        act()
      end
    end,
  })
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
  follow(buf, point)
  point()
end

---Return a source for mini.diff: `require("mini.diff").setup({ source = require("autoresearch.base").minidiff() })`.
---@return table
function M.minidiff()
  local watched = {}
  return {
    name = "autoresearch",
    attach = function(buf)
      if require("autoresearch.attach").role(buf) ~= "canvas" then
        return false
      end
      local function give()
        M.get(buf, function(_, lines)
          require("mini.diff").set_ref_text(buf, lines)
        end)
      end
      watched[buf] = follow(buf, give)
      give()
    end,
    detach = function(buf)
      vim.api.nvim_del_autocmd(watched[buf])
      watched[buf] = nil
    end,
  }
end

return M
