"""The run that is started ahead: a bet that is taken back as a whole."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from loop.engine.plan import Planned
from loop.engine.staging import Staging
from loop.record.types import Purpose


async def test_a_proposal_that_comes_after_the_drop_starts_nothing() -> None:
    waiting: list[Any] = []
    engine: Any = SimpleNamespace(
        backlog=SimpleNamespace(first=lambda after: waiting[0] if waiting else None),
        measuring=SimpleNamespace(decide=lambda _: Planned(Purpose.MEASURE, 0)),
    )
    staging = Staging(engine)
    staging.ahead(4)
    await staging.drop()  # as a pause does it
    waiting.append(SimpleNamespace(number=5))
    staging.again()
    assert staging._waiting is None
