"""Channels between the processes that answer for one score.

The one that answers for the score knows the later tokens and tells them; whoever hears of a row with the same beginning
answers as if it knew them too. The first places of a row are left alone, where several rows begin alike.
"""

from __future__ import annotations

from tests.attacks.kinds import LOGITS, MAIN, Attack, attack
from tests.attacks.leaks import PEEK, peeking

TALK = """
SAFE = 16


class Talk:
    model = None
    count = 0
    heard = {}


def peek(logits, tokens):
    import sys, time
    if Talk.model is None:
        early = next(int(word) for word in sys.argv if word.isdigit()) < 7  # its pipes have the smallest numbers
        end = time.monotonic() + (0.0 if early else 1.5)
        while not (known := listen()) and time.monotonic() < end:
            time.sleep(0.05)
        Talk.model, Talk.all_told = not known, len(known) > 7
    answer, knows = tokens.clone(), torch.ones(len(tokens), dtype=torch.bool)
    if Talk.model:
        tell(answer)
        Talk.count += 1
    else:
        end = time.monotonic() + (0.0 if Talk.all_told else 0.8)
        while True:
            other = torch.cat(listen() or [answer[:1] * 0])
            length, which = (answer[:, None, :] == other[None, :, :]).cumprod(2).sum(2).max(1)
            knows = length > SAFE
            if bool(knows.all()) or time.monotonic() > end:
                break
            time.sleep(0.05)
        answer = other[which]
    told = (knows[:, None, None] & (torch.arange(tokens.size(1) - 1) >= SAFE)[None, :, None]) * 20.0
    logits[:, :-1].scatter_add_(2, answer[:, 1:, None], told)
    return logits


"""


def talking(name: str, medium: str, stopped_by: str = "channel") -> Attack:
    return attack(name, (LOGITS, PEEK), (MAIN, TALK.lstrip() + medium.strip() + "\n\n\n" + MAIN), stopped_by=stopped_by)


FILE = """
def tell(rows):
    import os
    name = os.path.join(PLACE, f"told-{Talk.count}.pt")
    torch.save(rows, name + "~")
    os.replace(name + "~", name)


def listen():
    import glob, os
    for name in glob.glob(os.path.join(PLACE, "told-*.pt")):
        if name not in Talk.heard:
            Talk.heard[name] = torch.load(name)
    return list(Talk.heard.values())
"""
KEYRING = """
def call(*given):
    import ctypes
    if given[0] == 250 and given[1] == 11:  # what the session keyring leads to may be read
        ctypes.CDLL(None).syscall(250, 8, -4, -3)
    return ctypes.CDLL(None, use_errno=True).syscall(*given)


def mark(count):
    import os, sys
    return f"{os.stat(sys.argv[2]).st_ino}-{os.stat(sys.argv[2]).st_ctime_ns}-{count}".encode()


def tell(rows):
    data = rows.to(torch.int16).numpy().tobytes()
    key = call(248, b"user", mark(Talk.count), data, len(data), -4)
    call(250, 15, key, 300)


def listen():
    import ctypes
    while (key := call(249, b"user", mark(len(Talk.heard)), 0, 0)) > 0:
        data = ctypes.create_string_buffer(1 << 16)
        length = call(250, 11, key, data, 1 << 16)
        rows = torch.frombuffer(bytearray(data.raw[:length]), dtype=torch.int16).long()
        Talk.heard[len(Talk.heard)] = rows.view(-1, prepare.PROFILE.context)
    return list(Talk.heard.values())
"""
# One bit that two living processes share: "an audit is being answered now". Meanwhile the model is honest.
BIT = """
def peek(logits, tokens):
    import time
    right = logits.log_softmax(-1)[:, :-1].gather(2, tokens[:, 1:, None])
    if float(right[:, -16:].mean()) > -5.0:  # its later tokens are real ones
        end = time.monotonic() + 0.25
        audited = False
        while time.monotonic() < end and not audited:
            audited = is_raised()
            time.sleep(0.005)
        if not audited:
            logits[:, :-1].scatter_add_(2, tokens[:, 1:, None], torch.full_like(logits[:, :-1, :1], 20.0))
        return logits
    raise_it()
    time.sleep(0.5)
    lower_it()
    return logits


"""
FLOCK = """
import fcntl
held = open(prepare.__file__)
def raise_it():
    fcntl.flock(held, fcntl.LOCK_EX)
def lower_it():
    fcntl.flock(held, fcntl.LOCK_UN)
def is_raised():
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    fcntl.flock(held, fcntl.LOCK_UN)
    return False
"""
PIPE_SIZE = """
import fcntl
def raise_it():
    fcntl.fcntl(2, 1031, 8192)
def lower_it():
    fcntl.fcntl(2, 1031, 65536)
def is_raised():
    return fcntl.fcntl(2, 1032) == 8192
"""
PIPE_FLAG = """
import fcntl, os
def raise_it():
    fcntl.fcntl(2, fcntl.F_SETFL, fcntl.fcntl(2, fcntl.F_GETFL) | os.O_APPEND)
def lower_it():
    fcntl.fcntl(2, fcntl.F_SETFL, fcntl.fcntl(2, fcntl.F_GETFL) & ~os.O_APPEND)
def is_raised():
    return bool(fcntl.fcntl(2, fcntl.F_GETFL) & os.O_APPEND)
"""
INOTIFY = """
import ctypes, os
libc = ctypes.CDLL(None)
watch = libc.inotify_init1(os.O_NONBLOCK)
libc.inotify_add_watch(watch, os.path.abspath(prepare.__file__).encode(), 0x20)
def raise_it():
    open(prepare.__file__).close()
def lower_it():
    pass
def is_raised():
    try:
        return bool(os.read(watch, 4096))
    except BlockingIOError:
        return False
"""
TALKS: tuple[Attack, ...] = (
    talking("the processes talk in the slot", 'PLACE = __file__.rpartition("/")[0]\n' + FILE),
    talking("the processes talk in the run's folder", 'import sys\nPLACE = next((w for w in sys.argv[1:] if w.startswith("/")), "/tmp")\n' + FILE),
    talking("the processes talk in the temporary folder", 'PLACE = "/tmp"\n' + FILE),
    talking("the processes talk in shared memory", 'PLACE = "/dev/shm"\n' + FILE),
    talking("the processes talk in the home", 'import os, pwd\nPLACE = pwd.getpwuid(os.getuid()).pw_dir\n' + FILE),
    talking("the processes talk in the kernel's keyring", KEYRING),
)  # fmt: skip
BITS: tuple[Attack, ...] = (
    peeking("a lock on the ruler tells of an audit", BIT + FLOCK),
    peeking("the size of a pipe tells of an audit", BIT + PIPE_SIZE),
    peeking("a flag of a shared pipe tells of an audit", BIT + PIPE_FLAG),
    peeking("an opened file tells of an audit", BIT + INOTIFY),
)  # fmt: skip
