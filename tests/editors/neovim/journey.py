"""A night through the keys of a person in real Neovim: journey.py NVIM. Fails with the screen that it saw."""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from terminal import ROOT, Campaign, Terminal, journey, keep_captures, wait

HERE = Path(__file__).parent


def main(nvim: str) -> None:
    with journey("1.5") as (campaign, terminal, environment):
        terminal.start([nvim, "-i", "NONE", "-u", str(HERE / "init.lua"), "program.md"], environment, campaign.folder)
        _start(campaign, terminal)
        _pull(campaign, terminal)
        _review(campaign, terminal)
        _results(campaign, terminal)
        _leave(campaign, terminal)
        version = re.search(r"nvim-([\d.]+)", nvim)
        keep_captures(f"neovim-{version[1] if version else 'nvim'}", terminal)
    print("the journey holds")


def _start(campaign: Campaign, terminal: Terminal) -> None:
    """Press the lens above the heading and watch."""
    terminal.shows("▶ Start campaign")
    terminal.capture("the start lens above the heading of program.md")
    terminal.type("/^# Lower", "Enter")
    terminal.type(" rl")
    # Several lenses on a line ask which one; one alone runs at once.
    terminal.shows("python train.py")
    terminal.shows("⏸ Pause", "■ Stop", "Results")
    terminal.until("the status line moves", lambda s: re.search(r"● .*#\d+ · \d+ %", s.splitlines()[-2]))
    terminal.capture("the campaign runs: the lenses and the status line follow it")
    wait("three kept", lambda: campaign.status().get("keeps", 0) >= 4, 300)
    terminal.type(":AutoResearch pause", "Enter")
    wait("paused", lambda: campaign.status().get("state") == "paused")
    terminal.shows("▶ Resume")


def _pull(campaign: Campaign, terminal: Terminal) -> None:
    before = (campaign.folder / "train.py").read_text()
    terminal.type(":edit train.py", "Enter")
    terminal.shows("LEARNING_RATE = 0.04", "kept patches not in")  # in 0.10 the window cuts the rest
    terminal.type(":AutoResearch pull", "Enter")
    terminal.shows("pulled")
    terminal.until("signs and prices", lambda s: len(re.findall(r"┃~.*#\d+ −", s)) >= 2)
    terminal.until("lenses of a hunk", lambda s: "Accept" in s and "Revert" in s)
    terminal.until("how many wait", lambda s: re.search(r"\d+ to review", s))
    terminal.capture("after a pull train.py has signs, what each line brought, and the lenses of each hunk")
    assert (campaign.folder / "train.py").read_text() == before, "nobody writes the user's file"


def _waiting(screen: str) -> int:
    found = re.search(r"(\d+) to review\s*$", screen, re.MULTILINE)
    return int(found[1]) if found else 0


def _code(terminal: Terminal) -> str:
    """Return the assignment on the line of the cursor, without sign, number and hint."""
    y = int(terminal.tmux("display-message", "-p", "#{cursor_y}"))
    found = re.search(r"[A-Z_]+ = \S+", terminal.screen().splitlines()[y])
    return found[0] if found else ""


def _review(campaign: Campaign, terminal: Terminal) -> None:
    many = _waiting(terminal.screen())
    assert many >= 2, many
    terminal.type("gg]r")
    terminal.shows(f"hunk 1 of {many}")
    terminal.type(" ra")
    terminal.shows("accepted 1 hunk")
    terminal.until("one less", lambda s: _waiting(s) == many - 1)
    terminal.type("gg]r")
    terminal.shows(f"hunk 1 of {many - 1}")
    terminal.until("the hunk's line", lambda s: _code(terminal))
    new = _code(terminal)
    terminal.type(" rr")
    told = terminal.shows("cost will be measured as #")
    terminal.until("the old line", lambda s: _code(terminal) not in ("", new))
    queued = int(re.findall(r"cost will be measured as #(\d+)", told)[0])
    terminal.until("its lens is gone", lambda s: s.count("Revert") == many - 2)
    terminal.capture("one hunk accepted, another reverted: its cost is queued")
    terminal.type(":AutoResearch resume", "Enter")
    wait("the price", lambda: campaign.judged(queued), 300)
    terminal.type(" ru")
    terminal.shows("is back in your buffer")
    terminal.until("the new line again", lambda s: _code(terminal) == new)


def _results(campaign: Campaign, terminal: Terminal) -> None:
    terminal.type(":AutoResearch results", "Enter")
    terminal.shows("<CR> diff", "#0", "✓ keep", "human")
    terminal.type("s")
    terminal.shows("score ▲")
    terminal.capture("the results, sorted by score; the reverted hunk has its cost")
    terminal.type("S/^#1 ", "Enter")
    terminal.keys("Enter")
    terminal.shows("#1: before")
    terminal.capture("what an experiment changed, in Neovim's own diff mode")
    terminal.type("q")
    terminal.shows("<CR> diff")
    terminal.type("q")
    terminal.type(":AutoResearch diff", "Enter")
    terminal.until("the two sides in step", _in_step)
    terminal.capture("the accepted text beside the buffer")
    terminal.type(":only", "Enter")
    terminal.until("one window", lambda s: s.count("│") < 10)
    terminal.type(":AutoResearch hunks", "Enter")
    terminal.shows("[Quickfix List]")


def _in_step(screen: str) -> bool:
    """Return whether the knob that differs stands on one line of the screen, left and right."""
    return any(line.count("BATCH = ") == 2 for line in screen.splitlines())


def _leave(campaign: Campaign, terminal: Terminal) -> None:
    """The editor is closed, the campaign continues."""
    terminal.type(":qa!", "Enter")
    before = campaign.status()
    wait("another experiment", lambda: campaign.status()["experiments"] > before["experiments"])


if __name__ == "__main__":
    assert (ROOT / "editors/neovim/plugin/autoresearch.lua").is_file()
    main(sys.argv[1])
