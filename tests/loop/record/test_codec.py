"""Entries as JSON: every kind comes back, and what a newer program wrote is read as far as it can be."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loop.record.codec import decode, encode
from loop.record.entries import Body
from loop.record.experiment_facts import Judged
from loop.record.intents import NoteAdded
from loop.record.types import JournalError, Reason, Verdict


@pytest.mark.parametrize("kind", get_args(Body), ids=lambda kind: kind.__name__)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_a_body_of_every_kind_comes_back_as_it_was(kind: type[Body], data: st.DataObject) -> None:
    body = data.draw(st.builds(kind, **{f.name: ... for f in fields(kind)}))
    assert repr(decode(*encode(body))) == repr(body)


def test_enums_and_tuples_are_plain_json() -> None:
    kind, text = encode(Judged(3, Verdict.KEEP, Reason.BETTER, 1.5, seeds=(1, 2)))
    assert kind == "Judged"
    assert json.loads(text)["verdict"] == "keep" and json.loads(text)["seeds"] == [1, 2]
    assert "½" in encode(NoteAdded("½"))[1]


def test_fields_of_a_newer_program_are_dropped_and_unknown_kinds_are_refused() -> None:
    assert decode("NoteAdded", '{"text": "a", "colour": "red"}') == NoteAdded("a")
    with pytest.raises(JournalError, match="Teleported"):
        decode("Teleported", "{}")
    with pytest.raises(ValueError, match="maybe"):
        decode("Judged", '{"experiment": 1, "verdict": "maybe", "reason": "better"}')


def test_no_kind_of_entry_has_room_for_a_key_or_a_prompt() -> None:
    names = {f.name for kind in get_args(Body) for f in fields(kind)}
    assert not names & {"key", "api_key", "prompt", "reply", "path", "environment"}
