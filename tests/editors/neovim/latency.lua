-- nvim --headless -u init.lua -c 'luafile latency.lua': from the key to the change that a person sees, in a folder with
-- many hunks to pull. Prints one line of JSON, name → milliseconds, for bench/neovim.py; nothing here passes by a time.
local here = vim.fs.dirname(debug.getinfo(1, "S").source:sub(2))
package.path = here .. "/?.lua;" .. package.path
local t = require("harness")
local rounds = assert(tonumber(vim.env.ROUNDS))

local took = {}

---Press keys and note how long it takes until each of the named changes is there.
---@param keys string
---@param changes table<string, fun(): boolean>
local function measure(keys, changes)
  local open = vim.tbl_extend("error", {}, changes)
  local began = vim.uv.hrtime()
  t.keys(keys)
  t.wait("every change after " .. keys, function()
    for name, holds in pairs(open) do
      if holds() then
        took[name] = took[name] or {}
        table.insert(took[name], (vim.uv.hrtime() - began) / 1e6)
        open[name] = nil
      end
    end
    return next(open) == nil
  end, 1)
end

local function first_hunk()
  local hunk = t.pending()[1]
  vim.api.nvim_win_set_cursor(0, { hunk.start + 1, 0 })
  return hunk, #t.pending()
end

local function to_review(canvas, many)
  return t.lenses(canvas):find(("Next of %d to review"):format(many), 1, true) ~= nil
end

t.claim("measured", function()
  local canvas = t.edit("train.py")
  t.lens(canvas, "Pull")
  local before = t.text(canvas)
  measure(":AutoResearch pull<CR>", {
    ["pull: the text"] = function()
      return t.text(canvas) ~= before
    end,
  })
  t.wait("all of them", function()
    return #t.pending() >= 2 * rounds + 1
  end)
  for _ = 1, rounds do
    local hunk, many = first_hunk()
    t.wait("the lens before", function()
      return to_review(canvas, many)
    end)
    measure(" ra", {
      ["accept: the sign goes"] = function()
        return t.signs(canvas)[hunk.start + 1] == nil
      end,
      ["accept: the lens follows"] = function()
        return to_review(canvas, many - 1)
      end,
    })
  end
  for _ = 1, rounds do
    local hunk, many = first_hunk()
    t.says("reverted #", function() -- its answer, which names the price, comes after what is seen
      measure(" rr", {
        ["revert: the old line"] = function()
          return vim.api.nvim_buf_get_lines(canvas, hunk.start, hunk.start + 1, false)[1] .. "\n" == hunk.old[1]
        end,
        ["revert: the sign goes"] = function()
          return t.signs(canvas)[hunk.start + 1] == nil
        end,
        ["revert: the lens follows"] = function()
          return to_review(canvas, many - 1)
        end,
      })
    end)
  end
end)
io.stdout:write("\n" .. vim.json.encode(took) .. "\n")
vim.cmd("qa!")
