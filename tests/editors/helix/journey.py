"""Start, status, hover, diagnostics, accept and revert in real Helix: journey.py HX. Helix draws no code lenses."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from terminal import COMMAND, DEADLINE_S, Campaign, Terminal, journey, keep_captures, wait

PAGE = Path(__file__).resolve().parents[3] / "editors/helix/README.md"


def configuration() -> dict[str, str]:
    """Return the files that the page for users gives, so that the page is what is tested."""
    return dict(re.findall(r"`~/\.config/helix/([a-z]+\.toml)`:\n+```toml\n(.*?)```", PAGE.read_text(), re.DOTALL))


def main(hx: str) -> None:
    with journey("1.5") as (campaign, terminal, environment):
        place = Path(environment["XDG_CONFIG_HOME"]) / "helix"
        place.mkdir(parents=True)
        files = configuration()
        assert set(files) == {"config.toml", "languages.toml"}, files
        for name, text in files.items():
            (place / name).write_text(text.replace('command = "autoresearch"', f'command = "{COMMAND}"'))
        terminal.start([hx, "program.md"], environment, campaign.folder)
        _start(campaign, terminal)
        _review(campaign, terminal)
        keep_captures("helix", terminal)
    print("the journey holds")


def _start(campaign: Campaign, terminal: Terminal) -> None:
    terminal.shows("# Lower val_bpb")
    action(terminal, "▶ Start campaign", at="8G")
    wait("a campaign", lambda: campaign.status().get("experiments"))
    terminal.until("progress", lambda s: re.search(r"AutoResearch \w+ ⋅ ● .*\d+ %", s))
    terminal.type(" k")
    terminal.until("status on hover", lambda s: re.search(r"● .*(baseline|best) \d", s))
    terminal.capture("status on the heading of program.md (Space k), progress below")
    terminal.escape()
    wait("three kept", lambda: campaign.status().get("keeps", 0) >= 4, 300)
    action(terminal, "⏸ Pause")
    wait("paused", lambda: campaign.status().get("state") == "paused")


def _review(campaign: Campaign, terminal: Terminal) -> None:
    terminal.type(":open train.py", "Enter")
    terminal.shows("LEARNING_RATE = 0.04")
    action(terminal, "Pull: ")
    terminal.until("two diagnostics", lambda s: len(re.findall(r"#\d+ .*waits for review", s)) >= 2)
    _hints(terminal)
    terminal.capture("after a pull train.py has hints and diagnostics")
    many = _pending(terminal.screen())
    terminal.type("gg]d k")
    terminal.shows("Waits for review")
    terminal.capture("hover on a hunk")
    terminal.escape("Waits for review")
    action(terminal, "Accept hunk")
    terminal.until("one less", lambda s: _pending(s) == many - 1)
    terminal.type("gg]d a")
    terminal.shows("Revert hunk")
    terminal.capture("the code actions of a hunk")
    terminal.escape("Revert hunk")
    before = terminal.screen()
    known = max(row["experiment"] for row in campaign.results())
    action(terminal, "Revert hunk")
    terminal.until("the old line", lambda s: _pending(s) == many - 2 and s != before)
    action(terminal, "▶ Resume")
    wait("the price", lambda: [r for r in campaign.results() if r["experiment"] > known and r["reason"] == "human"])
    action(terminal, "Undo last revert")
    terminal.until("the new line again", lambda s: _pending(s) >= many - 1)
    terminal.type(":q!", "Enter")
    done = campaign.status()["experiments"]
    wait("the campaign continues", lambda: campaign.status()["experiments"] > done)


def _hints(terminal: Terminal) -> None:
    """Wait for the hints; where Helix asked for them at the very moment of the pull, it asks again as its page says."""

    def drawn(screen: str) -> bool:
        return re.search(r"LEARNING_RATE = \S+ #\d+ −", screen) is not None

    if not terminal.appears(drawn, 15):
        for _ in range(2):
            terminal.type(":toggle lsp.display-inlay-hints", "Enter")
    terminal.until("hints", drawn)


def _pending(screen: str) -> int:
    return len(re.findall(r"waits for review", screen))


def action(terminal: Terminal, title: str, at: str = "") -> None:
    """Go to a place, open the menu of code actions there and run the one whose title begins so.

    While the server starts there is no menu, and a reply that comes late puts a new one in its place: so it is tried
    until the entry was seen to be marked, at the same place each time.
    """
    end = time.monotonic() + DEADLINE_S
    while not _chosen(terminal, title, at):
        assert time.monotonic() < end, f"{title}: cannot be chosen\n{terminal.screen()}"
        terminal.escape()


def _chosen(terminal: Terminal, title: str, at: str) -> bool:
    terminal.type(f"{at} a")
    if not terminal.appears(lambda s: title in s, 5):
        return False
    for _ in range(20):
        screen = terminal.drawn()
        if title not in re.sub(r"\x1b\[[\d;]*m", "", screen):
            return False
        if _is_marked(screen, title):
            terminal.keys("Enter")
            return True
        terminal.keys("Down")
        terminal.appears(lambda _, was=screen: terminal.drawn() != was, 15)
    return False


def _is_marked(screen: str, title: str) -> bool:
    """Return whether an entry of the menu is the marked one: drawn in reverse."""
    line = next((line for line in screen.splitlines() if title in line), "")
    codes = re.findall(r"\x1b\[([\d;]*)m", line.partition(title)[0])
    return any("7" in code.split(";") for code in codes[-3:])


if __name__ == "__main__":
    main(sys.argv[1])
