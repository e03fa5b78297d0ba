"""Mistakes in loop/trust: a run sees, touches or carries what it must not, or a promise is made that does not hold."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "loop/trust/sandbox.py",
        "a sealed run reaches the network",
        '*([] if network else ["--unshare-net"])',
        '*(["--unshare-net"] if network else [])',
    ),
    Mutant(
        "loop/trust/sandbox.py",
        "the scorer's model processes can write into the run's folders",
        'writable = "--ro-bind" if read_only else "--bind"',
        'writable = "--bind"',
    ),
    Mutant(
        "loop/trust/sandbox.py",
        "a key in the environment reaches a run",
        "if not looks_secret(name, value)} | ours",
        "if not looks_secret(name, name)} | ours",
    ),
    Mutant(
        "loop/trust/places.py",
        "the git folder outside the repository is shown to a run",
        "self.repository = [top.resolve(), *git_folder(top)]",
        "self.repository = [top.resolve()]",
    ),
    Mutant(
        "loop/trust/places.py",
        "a hidden file is seen where it is mounted a second time",
        "return {*there, *(at / p.relative_to(s) for p in there for at, s in shown if p.is_relative_to(s))}",
        "return {*there}",
    ),
    Mutant(
        "loop/trust/bounds.py",
        "a run may have any amount of memory where there is no cgroup",
        "sum(map(exact_memory, family)) > self.memory:",
        "sum(map(exact_memory, family)) < 0:",
    ),
    Mutant(
        "loop/trust/limits.py",
        "a run swaps beyond the memory that it may have",
        'wanted = {"memory.memsw.limit_in_bytes": limits.memory, "memory.swap.max": 0, "memory.oom.group": 1}',
        'wanted = {"memory.oom.group": 1}',
    ),
    Mutant(
        "loop/trust/limits.py",
        "the limit of a container that we are in is not looked at",
        "int(SHARE * min(_memory(), _container()))",
        "int(SHARE * _memory())",
    ),
    Mutant(
        "loop/trust/probe.py",
        "a sandbox is claimed whose files outside can be written",
        "if lost := [promise for promise in order if promise in ESSENTIAL]:",
        "if lost := [promise for promise in order if promise not in ESSENTIAL]:",
    ),
    Mutant(
        "loop/trust/breakout.py",
        "a sandbox that can be unmounted passes for one that holds",
        "if LIBC.umount2(name, MNT_DETACH) == 0 or LIBC.mount(None, name, None, MS_REMOUNT | MS_BIND, None) == 0:",
        "if LIBC.mount(None, name, None, MS_REMOUNT | MS_BIND, None) == 0:",
    ),
    Mutant(
        "loop/trust/seatbelt.py",
        "a sealed run on a Mac reaches the network",
        "*([NETWORK] if network else [])",
        "NETWORK",
    ),
    Mutant(
        "loop/trust/seatbelt.py",
        "a rule for what is around a folder outdoes the folder's own",
        "for place in sorted(rules, key=depth):",
        "for place in sorted(rules, key=depth, reverse=True):",
    ),
    Mutant(
        "loop/trust/seatbelt.py",
        "the folder around a pinned file can be replaced",
        "profile.add(Access.FIXED, folder)",
        "pass",
    ),
    Mutant(
        "loop/trust/seatbelt.py",
        "a hidden file is read once the folder around it is renamed",
        "for file in (*kept, *covered) for p",
        "for file in kept for p",
    ),
    Mutant(
        "loop/trust/seatbelt_probe.py",
        "a sandbox of macOS is used that holds nothing",
        "if lost := [promise for promise in order if promise in ESSENTIAL]:",
        "if lost := [promise for promise in order if promise in NEVER and promise in ESSENTIAL]:",
    ),
    Mutant(
        "loop/trust/breakout_macos.py",
        "a covered file that opens by another name is not found",
        "broken |= {promise} if opens(name, flags) else set()",
        "opens(name, flags)",
    ),
    Mutant(
        "loop/trust/rules.py",
        "a patch may give itself a second budget",
        'if names.of_ruler(func) == "Budget" and node is not names.first_budget:',
        'if names.of_ruler(func) == "Budget" and node is names.first_budget and False:',
    ),
    Mutant(
        "loop/trust/preflight.py",
        "what the incumbent does once a patch may do any number of times",
        "            known[(finding.rule, source)] -= 1\n",
        "            pass\n",
    ),
    Mutant(
        "loop/trust/incumbent.py",
        "a patch that changes the seed alone is run",
        "list(map(_sowed, changed)) == list(map(_sowed, gone))",
        "list(map(ast.dump, changed)) == list(map(ast.dump, gone))",
    ),
    Mutant(
        "loop/trust/smuggling.py",
        "weights in many small literals are an idea",
        '(DATA, "its new literals carry", _data),',
        '(NEW, "its new literals carry", _data),',
    ),
    Mutant(
        "loop/trust/secrets.py",
        "a token whose name is one long word is shown",
        "or any(map(ENDING.search, parts))",
        "or any(map(ENDING.fullmatch, parts))",
    ),
    Mutant(
        "loop/trust/incumbent.py",
        "a patch may take the framework away",
        "if (named := framework(tree)) != incumbent.framework:",
        'if (named := framework(tree)) not in ("torch", incumbent.framework):',
    ),
)
