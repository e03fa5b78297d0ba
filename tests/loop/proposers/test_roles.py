"""How a knob moves, by what its name and value say that it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.proposers.roles import DOWN, UP, role_of, step, write
from loop.text.knobs import Knob, Value, knobs


@pytest.mark.parametrize(
    ("line", "down", "up"),
    [
        ("TOTAL_BATCH = 2**18", "2**17", "2**19"),
        ("TOTAL_BATCH_SIZE = 262_144", "131_072", "524_288"),
        ("BATCH = 96", "48", "192"),
        ("WIDTH = 384", "256", "512"),
        ("HEADS = 1", None, "2"),
        ("DEPTH = 9", "6", "12"),
        ("DEPTH = 1", None, "2"),
        ("LR = 3e-4", "0.00015", "0.0006"),
        ("LR = 2e-5", "1e-5", "4e-5"),
        ("EMBEDDING_LR = 0.6", "0.3", "1.2"),
        ("WEIGHT_DECAY = 0.0", None, "0.01"),
        ("WARMUP = 0.0", None, "0.1"),
        ("WARMUP_STEPS = 100", "50", "200"),
        ("WARMDOWN = 0.9", "0.7", "1.0"),
        ("WARMDOWN = 1.0", "0.8", "1.0"),
        ("DROPOUT = 0.2", "0.1", "0.4"),
        ("ADAM_BETA2 = 0.95", "0.9", "0.975"),
        ("MOMENTUM = 0.9", "0.8", "0.95"),
        ("SOFTCAP = 15.0", "7.5", "30.0"),
        ("ROPE_BASE = 10000", "5000", "20000"),
        ("SOMETHING = -3.0", "-6.0", "-1.5"),
        ("USE_BIAS = True", "False", None),
        ("USE_BIAS = False", None, "True"),
    ],
)
def test_a_knob_moves_as_its_kind_does(line: str, down: str | None, up: str | None) -> None:
    (knob,) = knobs(line).values()
    role = role_of(knob)
    assert role is not None
    values = [step(knob, role, direction) for direction in (DOWN, UP)]
    assert [None if v is None else write(v, knob.literal) for v in values] == [down, up]


LEFT_ALONE = (
    "SEED RANDOM_SEED DEVICE RUN_NAME DATA_DIR VOCAB_SIZE EVAL_TOKENS LOG_EVERY NUM_WORKERS MAX_SEQ_LEN TIME_BUDGET EPS"
)


@pytest.mark.parametrize("name", LEFT_ALONE.split())
def test_what_is_not_research_is_left_alone(name: str) -> None:
    assert role_of(knobs(f"{name} = 8")[name]) is None


names = st.sampled_from(["BATCH", "LR", "WARMDOWN", "BETA2", "DEPTH", "WIDTH", "DECAY", "HEADS", "CAP", "WINDOW", "X"])
numbers = st.integers(0, 10**6) | st.floats(-10, 10, allow_nan=False) | st.booleans()


@given(names, numbers, st.sampled_from([DOWN, UP]), st.integers(0, 5))
def test_a_step_keeps_the_type_the_sign_and_the_bounds(name: str, value: Value, direction: int, failures: int) -> None:
    knob = Knob(name, repr(value), value, 1, 0, 0)
    role = role_of(knob)
    assert role is not None
    new = step(knob, role, direction, failures)
    if new is None or isinstance(value, str) or isinstance(new, str):
        return
    assert type(new) is type(value)
    assert role.kind != "share" or 0 < new <= 1
    assert role.kind != "beta" or 0 < new < 1
    assert value >= 0 or new < 0
    if role.kind == "size" and value > 0 and int(value) & (int(value) - 1) == 0:
        assert int(new) & (int(new) - 1) == 0
