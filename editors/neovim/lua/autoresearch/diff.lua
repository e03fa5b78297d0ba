-- Diffs in Neovim's own diff mode, and an experiment's details in a floating window. Texts come from git's objects.
local M = {}

local client = require("autoresearch.client")
local hunks = require("autoresearch.hunks")

---@param folder string
---@param commit string
---@param canvas string
---@param act fun(lines: string[])
local function text_at(folder, commit, canvas, act)
  if commit == "" then
    return act({})
  end
  local command = { "git", "-C", folder, "cat-file", "blob", ("%s:./%s"):format(commit, canvas) }
  vim.system(command, { text = true }, function(done)
    vim.schedule(function()
      if done.code ~= 0 then
        return client.notify("git: " .. vim.trim(done.stderr or ""), vim.log.levels.ERROR)
      end
      act(vim.split((done.stdout:gsub("\n$", "")), "\n", { plain = true }))
    end)
  end)
end

---@param folder string
---@param name string
---@param lines string[]
---@param filetype string
---@return integer
local function scratch(folder, name, lines, filetype)
  local full = "autoresearch://" .. name
  local old = vim.fn.bufnr("^" .. vim.fn.escape(full, "*?[]{}~,\\") .. "$")
  local buf = old > 0 and old or vim.api.nvim_create_buf(false, true)
  vim.bo[buf].modifiable = true
  vim.api.nvim_buf_set_lines(buf, 0, -1, false, lines)
  if old <= 0 then
    vim.api.nvim_buf_set_name(buf, full)
  end
  vim.b[buf].autoresearch_folder = folder
  vim.bo[buf].buftype, vim.bo[buf].bufhidden, vim.bo[buf].modifiable = "nofile", "wipe", false
  vim.bo[buf].filetype = filetype
  return buf
end

---Show what an experiment changed: two texts side by side in a tab of their own, `q` closes it.
---@param buf integer
---@param number integer
function M.experiment(buf, number)
  local folder = client.folder(buf)
  client.request(buf, "autoresearch/experiment", { folder = folder, experiment = number }, function(found)
    if found.ok == false then
      return client.notify(found.message, vim.log.levels.WARN)
    end
    local status = client.status[folder] or {}
    local canvas = status.canvas or "train.py"
    text_at(folder, found.parent or "", canvas, function(before)
      text_at(folder, found.commit, canvas, function(after)
        local filetype = vim.filetype.match({ filename = canvas }) or ""
        local left = scratch(folder, ("%d/before/%s"):format(number, canvas), before, filetype)
        local right = scratch(folder, ("%d/%s"):format(number, canvas), after, filetype)
        vim.cmd("tab sbuffer " .. left)
        vim.cmd("diffthis")
        vim.wo.winbar = ("#%d: before"):format(number)
        vim.cmd("rightbelow vertical sbuffer " .. right)
        vim.cmd("diffthis")
        local title = ("#%d %s %s"):format(number, found.text or "", (found.hypothesis or ""):gsub("%s+", " "))
        vim.wo.winbar = vim.fn.strcharpart(title, 0, vim.fn.winwidth(0) - 2):gsub("%%", "%%%%")
        for _, own in ipairs({ left, right }) do
          vim.keymap.set("n", "q", "<Cmd>tabclose<CR>", { buffer = own, nowait = true, desc = "close the diff" })
        end
      end)
    end)
  end)
end

---Show the accepted text beside the canvas; closing its window ends the diff and leaves the canvas as it was.
---@param buf integer
function M.base(buf)
  hunks.with_canvas(buf, function(canvas)
    hunks.ask(canvas, function(answer)
      if not answer.base then
        return client.notify("no campaign has been started here", vim.log.levels.WARN)
      end
      local name = "accepted/" .. vim.fs.basename(vim.api.nvim_buf_get_name(canvas))
      local base = scratch(client.folder(canvas) or "", name, hunks.base(canvas, answer), vim.bo[canvas].filetype)
      local window = vim.fn.bufwinid(canvas)
      if window == -1 then
        vim.cmd("tab sbuffer " .. canvas)
        window = vim.api.nvim_get_current_win()
      end
      vim.api.nvim_set_current_win(window)
      local before = vim.wo[window].diff
      vim.cmd("diffthis")
      vim.cmd("leftabove vertical sbuffer " .. base)
      vim.cmd("diffthis")
      vim.wo.winbar = "accepted " .. answer.base:sub(1, 7)
      vim.keymap.set("n", "q", "<Cmd>close<CR>", { buffer = base, nowait = true, desc = "close the diff" })
      vim.api.nvim_set_current_win(window)
      vim.api.nvim_create_autocmd("BufWipeout", {
        buffer = base,
        once = true,
        callback = function()
          if not before and vim.api.nvim_win_is_valid(window) then
            vim.api.nvim_win_call(window, function()
              vim.cmd("diffoff")
            end)
          end
        end,
      })
    end)
  end)
end

---Show everything about an experiment in a floating window.
---@param buf integer
---@param number integer
function M.details(buf, number)
  local asked = { folder = client.folder(buf), experiment = number }
  client.request(buf, "autoresearch/experiment", asked, function(found)
    if found.ok == false then
      return client.notify(found.message, vim.log.levels.WARN)
    end
    local text = found.markdown .. (found.diff ~= "" and "\n\n```diff\n" .. found.diff .. "\n```" or "")
    local lines = vim.split(text, "\n", { plain = true })
    vim.lsp.util.open_floating_preview(lines, "markdown", { border = "rounded", focus_id = "autoresearch" })
  end)
end

return M
