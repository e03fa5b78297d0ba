-- Diffs in Neovim's own diff mode, and an experiment's details in a floating window.
local M = {}

local client = require("autoresearch.client")
local hunks = require("autoresearch.hunks")
local review = require("autoresearch.review")
local view = require("autoresearch.view")

---Return the lines of a text, as a buffer has them.
---@param text string
---@return string[]
function M.lines(text)
  return vim.split((text:gsub("\r\n", "\n"):gsub("\n$", "")), "\n", { plain = true })
end

---Run `act` with the canvas as it was at a commit of the history, or at `accepted`; the baseline's parent is "".
---@param buf integer
---@param at string
---@param act fun(lines: string[])
local function text_at(buf, at, act)
  if at == "" then
    return act({})
  end
  client.request(buf, "autoresearch/text", { folder = client.folder(buf), at = at }, function(found)
    act(M.lines(found.text))
  end)
end

---When the buffer is closed, by whatever command, the diff of the window ends; the window stays.
---@param buf integer
---@param window integer
local function until_closed(buf, window)
  vim.api.nvim_create_autocmd("BufWinLeave", {
    buffer = buf,
    once = true,
    callback = vim.schedule_wrap(function()
      if vim.api.nvim_win_is_valid(window) then
        vim.api.nvim_win_call(window, function()
          vim.cmd.diffoff()
        end)
      end
    end),
  })
end

---Take away lenses that stand in lines of their own, which move the two sides apart, while a buffer is shown.
---@param buf integer
---@param shown integer
local function without_lenses(buf, shown)
  local modern = vim.lsp.codelens.is_enabled
  if not modern or not modern({ bufnr = buf }) then
    return
  end
  vim.lsp.codelens.enable(false, { bufnr = buf })
  vim.api.nvim_create_autocmd("BufWinLeave", {
    buffer = shown,
    once = true,
    callback = vim.schedule_wrap(function()
      if vim.api.nvim_buf_is_loaded(buf) then
        vim.lsp.codelens.enable(true, { bufnr = buf })
      end
    end),
  })
end

---@param title string
local function bar(title)
  vim.wo[0][0].winbar = vim.fn.strcharpart(title, 0, vim.fn.winwidth(0) - 2):gsub("%%", "%%%%")
end

---Show what an experiment changed: two texts side by side in a tab of their own; `q` closes it.
---@param buf integer
---@param number integer
function M.experiment(buf, number)
  local folder = client.folder(buf)
  client.request(buf, "autoresearch/experiment", { folder = folder, experiment = number }, function(found)
    text_at(buf, found.parent, function(before)
      text_at(buf, found.commit, function(after)
        local name = vim.fs.basename(client.canvas(folder))
        local options = { folder = folder, filetype = vim.filetype.match({ filename = name }) }
        local left = view.buffer(("%d@%s/%s"):format(number, found.parent:sub(1, 7), name), before, options)
        local right = view.buffer(("%d@%s/%s"):format(number, found.commit:sub(1, 7), name), after, options)
        vim.cmd("tab sbuffer " .. left)
        local left_window = vim.api.nvim_get_current_win()
        vim.cmd.diffthis()
        bar(("#%d: before"):format(number))
        vim.cmd("rightbelow vertical sbuffer " .. right)
        vim.cmd.diffthis()
        bar(("#%d %s %s"):format(number, found.text, (found.hypothesis:gsub("%s+", " "))))
        until_closed(left, vim.api.nvim_get_current_win())
        until_closed(right, left_window)
        for _, own in ipairs({ left, right }) do
          vim.keymap.set("n", "q", function()
            if not pcall(vim.cmd.tabclose) then
              view.close()
            end
          end, { buffer = own, nowait = true, desc = "AutoResearch: close the diff" })
        end
      end)
    end)
  end)
end

---Show the accepted text beside the canvas; it follows what is accepted. Closing it leaves the canvas as it was.
---@param buf integer
function M.base(buf)
  review.with_canvas(buf, function(canvas)
    text_at(canvas, "accepted", function(lines)
      local name = vim.fs.basename(vim.api.nvim_buf_get_name(canvas)) .. "@accepted"
      local options = { folder = client.folder(canvas), filetype = vim.bo[canvas].filetype }
      local base = view.buffer(name, lines, options)
      local window = vim.fn.bufwinid(canvas)
      if window == -1 then
        vim.cmd("tab sbuffer " .. canvas)
        window = vim.api.nvim_get_current_win()
      end
      vim.api.nvim_set_current_win(window)
      if vim.fn.bufwinid(base) ~= -1 then
        return -- it is beside the canvas already, and now up to date
      end
      vim.cmd.diffthis()
      vim.cmd("leftabove vertical sbuffer " .. base)
      vim.cmd.diffthis() -- no title: a bar on this side only would move the two apart
      without_lenses(canvas, base)
      until_closed(base, window)
      until_closed(canvas, vim.api.nvim_get_current_win())
      vim.api.nvim_set_current_win(window)
      M.follow(canvas, base)
    end)
  end)
end

---Keep the text of the accepted base what was accepted, as long as it is shown.
---@param canvas integer
---@param base integer
function M.follow(canvas, base)
  vim.api.nvim_create_autocmd("User", {
    pattern = "AutoResearchHunks",
    callback = function(args)
      if not vim.api.nvim_buf_is_valid(base) then
        return true
      elseif args.data.buf == canvas and hunks.shown[canvas].base then
        text_at(canvas, "accepted", function(lines)
          if vim.api.nvim_buf_is_valid(base) then
            view.set(base, lines)
          end
        end)
      end
    end,
  })
end

---Show everything about an experiment in a floating window.
---@param buf integer
---@param number integer
function M.details(buf, number)
  local asked = { folder = client.folder(buf), experiment = number }
  client.request(buf, "autoresearch/experiment", asked, function(found)
    local text = found.markdown .. (found.diff ~= "" and "\n\n```diff\n" .. found.diff .. "\n```" or "")
    vim.lsp.util.open_floating_preview(M.lines(text), "markdown", { border = "rounded", focus_id = "autoresearch" })
  end)
end

return M
