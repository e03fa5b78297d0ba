"""Attacks that bring trained weights along in the text of the canvas, in every place where a text can hold them."""

from __future__ import annotations

import base64
import functools
import os
import subprocess
import sys
import tempfile
import textwrap
import zlib
from collections.abc import Callable
from pathlib import Path

from tests.attacks.kinds import LOOP, MAIN, Attack
from tests.attacks.patching import canvas, change, ruler

LONG = "1.5 TFLOP"  # ten honest budgets
LOAD = '''
def unpack(data):
    """Return weights from 4 bits each, a scale for each tensor, compressed."""
    import struct, zlib
    raw, place, state = zlib.decompress(data), 0, {}
    for name, value in build_model().state_dict().items():
        (scale,) = struct.unpack_from("<f", raw, place)
        size = (value.numel() + 1) // 2
        packed = torch.frombuffer(bytearray(raw[place + 4 : place + 4 + size]), dtype=torch.uint8)
        both = torch.stack((packed >> 4, packed & 15), 1).flatten()[: value.numel()].float() - 8
        state[name] = (both * scale).view_as(value)
        place += 4 + size
    return state


'''
LOADED = "    model.load_state_dict(unpack(smuggled()))\n" + LOOP.replace(
    "scale = learning_rate(budget.share)", "scale = 0.02 * learning_rate(budget.share)"
)


@functools.cache
def weights() -> bytes:
    """Return the weights of ten honest budgets, in 4 bits each, compressed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "train.py").write_text(canvas(), encoding="utf-8")
        (folder / "prepare.py").write_text(ruler(), encoding="utf-8")
        (folder / "pack.py").write_text(PACK, encoding="utf-8")
        given = {"AUTORESEARCH_BUDGET": LONG, "AUTORESEARCH_SOURCE": "python", "AUTORESEARCH_DEVICE": "cpu"}
        kept = {k: v for k, v in os.environ.items() if k not in ("AUTORESEARCH_PROFILE", "AUTORESEARCH_SEED")}
        run = [sys.executable, "pack.py"]
        subprocess.run(run, cwd=folder, env={**kept, **given}, check=True, stdout=subprocess.DEVNULL)
        return (folder / "weights.bin").read_bytes()


PACK = """
import struct, zlib, torch, prepare, train
class Done(Exception): pass
def submit(model, **_):
    raw = b""
    for value in model.state_dict().values():
        flat = value.detach().float().flatten()
        scale = max(float(flat.abs().quantile(0.999)) / 7.5, 1e-8)
        coded = (flat / scale).round().clamp(-8, 7).add(8).to(torch.uint8)
        if coded.numel() % 2:
            coded = torch.cat((coded, coded[:1]))
        raw += struct.pack("<f", scale) + bytes((coded[0::2] << 4 | coded[1::2]).tolist())
    open("weights.bin", "wb").write(zlib.compress(raw, 9))
    raise Done
prepare.submit = submit
try:
    train.main()
except Done:
    pass
"""


def carrying(name: str, place: Callable[[bytes], str]) -> Attack:
    """Return an attack whose text holds the weights; `place` writes them and a function smuggled() that finds them."""

    def patch(text: str) -> str:
        return change(text, (LOOP, LOADED), (MAIN, LOAD.lstrip() + place(weights()).strip() + "\n\n\n" + MAIN))

    return Attack(name, patch, ("literals",))


def one_string(data: bytes) -> str:
    return f"def smuggled():\n    import base64\n    return base64.b85decode({base64.b85encode(data).decode()!r})"


def one_number(data: bytes) -> str:
    return f"def smuggled():\n    return (0x{data.hex()}).to_bytes({len(data)})"


def one_list(data: bytes) -> str:
    return f"HELD = {list(data)}\n\n\ndef smuggled():\n    return bytes(HELD)"


def many_assignments(data: bytes) -> str:
    parts = [data[n : n + 60] for n in range(0, len(data), 60)]
    lines = "".join(f"HELD_{n} = {base64.b85encode(part).decode()!r}\n" for n, part in enumerate(parts))
    find = f"b''.join(base64.b85decode(globals()[f'HELD_{{n}}']) for n in range({len(parts)}))"
    return f"{lines}\n\ndef smuggled():\n    import base64\n    return {find}"


def comments(data: bytes) -> str:
    lines = "".join(f"#: {part}\n" for part in textwrap.wrap(base64.b64encode(data).decode(), 110))
    find = "''.join(line[3:].strip() for line in open(__file__) if line.startswith('#: '))"
    return f"{lines}\n\ndef smuggled():\n    import base64\n    return base64.b64decode({find})"


def docstring(data: bytes) -> str:
    text = textwrap.fill(base64.b64encode(data).decode(), 110)
    return f'def smuggled():\n    """{text}"""\n    import base64\n    return base64.b64decode(smuggled.__doc__)'


def names(data: bytes) -> str:
    parts = textwrap.wrap(data.hex(), 100)
    lines = "".join(f"    x{n:05}_{part} = 0\n" for n, part in enumerate(parts))
    find = "bytes.fromhex(''.join(n[7:] for n in sorted(vars(Held)) if n[0] == 'x'))"
    return f"class Held:\n{lines}\n\ndef smuggled():\n    return {find}"


def defaults(data: bytes) -> str:
    parts = [data[n : n + 90] for n in range(0, len(data), 90)]
    lines = "".join(f"def held_{n}(a={base64.b85encode(p).decode()!r}):\n    pass\n\n\n" for n, p in enumerate(parts))
    find = f"b''.join(base64.b85decode(globals()[f'held_{{n}}'].__defaults__[0]) for n in range({len(parts)}))"
    return f"{lines}def smuggled():\n    import base64\n    return {find}"


def blanks(data: bytes) -> str:
    bits = f"{int.from_bytes(zlib.compress(data)):b}"
    lines = "".join("#" + part.replace("0", " ").replace("1", "\t") + "\n" for part in textwrap.wrap(bits, 4000))
    find = "int(''.join(x[1:-1] for x in open(__file__) if x[:2] in ('# ', '#\\t') and not x.strip('# \\t\\n')), 2)"
    find = find.replace("x[1:-1]", "x[1:-1].replace(' ', '0').replace('\\t', '1')")
    return f"{lines}\n\ndef smuggled():\n    import zlib\n    held = {find}\n    return zlib.decompress(held.to_bytes((held.bit_length() + 7) // 8))"


LITERALS: tuple[Attack, ...] = (
    carrying("weights in one string", one_string),
    carrying("weights in one number", one_number),
    carrying("weights in a list", one_list),
    carrying("weights in many strings", many_assignments),
    carrying("weights in comments", comments),
    carrying("weights in a docstring", docstring),
    carrying("weights in names", names),
    carrying("weights in default arguments", defaults),
    carrying("weights in blanks", blanks),
)
