-- Our own windows: read-only texts that no file stands behind. Only what was opened here is ever closed here.
local M = {}

---Return the buffer of a read-only text; where it is shown already, it gets these lines.
---@param name string
---@param lines string[]
---@param options { folder: string?, filetype: string?, bufhidden: string? }
---@return integer
function M.buffer(name, lines, options)
  local buf = vim.fn.bufadd("autoresearch://" .. name)
  vim.bo[buf].buftype, vim.bo[buf].swapfile = "nofile", false
  vim.fn.bufload(buf)
  vim.bo[buf].bufhidden = options.bufhidden or "wipe"
  vim.b[buf].autoresearch_folder = options.folder
  M.set(buf, lines)
  vim.bo[buf].filetype = options.filetype or ""
  vim.keymap.set("n", "q", M.close, { buffer = buf, nowait = true, desc = "AutoResearch: close" })
  return buf
end

---@param buf integer
---@param lines string[]
function M.set(buf, lines)
  if not vim.deep_equal(vim.api.nvim_buf_get_lines(buf, 0, -1, false), lines) then
    vim.bo[buf].modifiable = true
    vim.api.nvim_buf_set_lines(buf, 0, -1, false, lines)
  end
  vim.bo[buf].modifiable, vim.bo[buf].modified = false, false
end

---Show a buffer in a window below, or go to the one that shows it.
---@param buf integer
---@param height? integer
function M.below(buf, height)
  local window = vim.fn.bufwinid(buf)
  if window == -1 then
    vim.cmd(("botright %s sbuffer %d"):format(height or "", buf))
  else
    vim.api.nvim_set_current_win(window)
  end
end

---Close the current window; in the only one there is, show the buffer before it or an empty one.
function M.close()
  if pcall(vim.cmd.close) then
    return
  end
  local before = vim.fn.bufnr("#")
  if before > 0 and vim.fn.buflisted(before) == 1 then
    vim.cmd.buffer(before)
  else
    vim.cmd.enew()
  end
end

return M
