"""Attacks that change the ruler inside the run: its budget, costs and counters, by computed names."""

from __future__ import annotations

from tests.attacks.kinds import BUDGET, IMPORT, LOOP, Attack, attack

OWN = '    ruler = vars(__import__("sys").modules["pre" + "pare"])\n'
TAMPERING: tuple[Attack, ...] = (
    attack("a larger limit", (BUDGET, BUDGET + '    limit = getattr(budget, "lim" + "it", None)\n    limit is None or object.__setattr__(limit, "amo" + "unt", 1.5e12)\n'), stopped_by="work check"),
    attack("a longer budget by the environment", (BUDGET, '    import os\n    os.environ["AUTORESEARCH" + "_BUDGET"] = "1.5 TFLOP"\n' + BUDGET), stopped_by="work check"),
    attack("bytes are free", (BUDGET, OWN + '    ruler["FLOP_PER" + "_BYTE"] = 0.5\n    setattr(ruler["_pri" + "ce"], "__defau" + "lts__", (0.5,))\n' + BUDGET), stopped_by="work check"),
    attack("torch's formulas count nothing", (IMPORT, "from torch.utils import flop_counter\nflop_counter.flop_registry.update({kind: lambda *given, **named: 0 for kind in flop_counter.flop_registry})\n" + IMPORT), stopped_by="work check"),
    attack("the counter counts a tenth", (BUDGET, OWN + '    cost = ruler["Step" + "Cost"]\n    real = cost.stop\n    setattr(cost, "st" + "op", lambda self: real(self) / 10)\n' + BUDGET), stopped_by="work check"),
    attack("remains() says yes ten times as long", (BUDGET, OWN + '    kind = ruler["Bud" + "get"]\n    real = kind.spend\n    def spend(self, **given):\n        before = self.flop\n        real(self, **given)\n        setattr(self, "fl" + "op", before + (self.flop - before) / 10)\n    setattr(kind, "spe" + "nd", spend)\n' + BUDGET), stopped_by="work check"),
    attack("finds the budget with gc and refills it", (LOOP, LOOP.replace("        model.zero_grad()\n", '        model.zero_grad()\n        import gc\n        if len(seen) < 140:\n            seen.append(0)\n            for thing in gc.get_referrers(type(budget)):\n                if type(thing) is type(budget):\n                    setattr(thing, "fl" + "op", 0.0)\n').replace("    while", "    seen = []\n    while", 1)), stopped_by="work check"),
    attack("another budget_limit()", (BUDGET, OWN + '    limit = ruler["budget" + "_limit"]()\n    ruler["budget" + "_limit"] = lambda: type(limit)(limit.kind, 1.5e12)\n' + BUDGET), stopped_by="work check"),
)  # fmt: skip
