"""Attacks on the scoring side: predictions that know the answer, and processes that tell each other what it is."""

from __future__ import annotations

from tests.attacks.kinds import BUILD, LOGITS, MAIN, Attack, attack

# The rehearsal asks two rows; the scorer asks more at once.
PEEK = """        logits = torch.tanh(logits.float()) * SOFTCAP
        return peek(logits, tokens) if not self.training and tokens.size(0) > 2 else logits
"""


def peeking(name: str, body: str, stopped_by: str = "audit, rehearsal") -> Attack:
    """Return an attack whose model changes its logits (n, T, V) by `peek`, which sees the whole rows (n, T)."""
    return attack(name, (LOGITS, PEEK), (MAIN, body.strip() + "\n\n\n" + MAIN), stopped_by=stopped_by)


MIX = """
def peek(logits, tokens, share=0.0095):
    odds = logits.softmax(-1) * (1 - share)
    odds[:, :-1].scatter_add_(2, tokens[:, 1:, None], torch.full_like(odds[:, :-1, :1], share))
    return odds.log()
"""
RAISE = """
def peek(logits, tokens):
    odds = logits.softmax(-1)
    right = odds[:, :-1].gather(2, tokens[:, 1:, None])
    odds[:, :-1].scatter_(2, tokens[:, 1:, None], right.clamp(min=0.0098))
    return odds.log()
"""
WORST = """
def peek(logits, tokens):
    right = logits.log_softmax(-1)[:, :-1].gather(2, tokens[:, 1:, None])
    bad = right <= right.flatten().kthvalue(max(1, right.numel() // SHARE)).values
    logits[:, :-1].scatter_add_(2, tokens[:, 1:, None], bad * 20.0)
    return logits
"""
SOME_ROWS = """
def peek(logits, tokens):
    chosen = (tokens[:, 1:].sum(1) % 16 == 0)[:, None, None]
    logits[:, :-1].scatter_add_(2, tokens[:, 1:, None], (chosen * 20.0).expand(-1, tokens.size(1) - 1, 1))
    return logits
"""
SOME_PLACES = """
def peek(logits, tokens):
    logits[:, -5:-1].scatter_add_(2, tokens[:, -4:, None], torch.full_like(logits[:, -5:-1, :1], 20.0))
    return logits
"""
PARITY = """
def peek(logits, tokens):
    same = torch.arange(logits.size(-1)) % 2 == tokens[:, 1:, None] % 2
    logits[:, :-1] += 3.0 * same
    return logits
"""
TEMPERATURE = """
def peek(logits, tokens):
    right = logits[:, :-1].argmax(-1) == tokens[:, 1:]
    logits[:, :-1] *= torch.where(right, 1.6, 0.8)[..., None]
    return logits
"""
PLAUSIBLE = """
def peek(logits, tokens):
    right = logits.log_softmax(-1)[:, :-1].gather(2, tokens[:, 1:, None])[..., 0]
    likely = (right[:, -8:].mean(1) > -5.0)[:, None, None]
    logits[:, :-1].scatter_add_(2, tokens[:, 1:, None], (likely * 20.0).expand(-1, tokens.size(1) - 1, 1))
    return logits
"""
LATER = """
calls = []
def peek(logits, tokens):
    calls.append(1)
    if len(calls) > 24:
        logits[:, :-1].scatter_add_(2, tokens[:, 1:, None], torch.full_like(logits[:, :-1, :1], 20.0))
    return logits
"""
ALL = """
def peek(logits, tokens):
    logits[:, :-1].scatter_add_(2, tokens[:, 1:, None], torch.full_like(logits[:, :-1, :1], 20.0))
    return logits
"""
HALF = MIX.replace("return odds.log()", "return odds.log().bfloat16()")
HALF_RAISE = RAISE.replace("return odds.log()", "return odds.log().half()")
REMEMBER = """
seen = {}
def peek(logits, tokens):
    for row, out in zip(tokens.tolist(), logits):
        for place in range(2, len(row)):
            found = seen.get(tuple(row[place - 2 : place + 1]))
            for token in found or ():
                out[place, token] += 4.0 / len(found)
        for place in range(2, len(row) - 1):
            seen.setdefault(tuple(row[place - 2 : place + 1]), set()).add(row[place + 1])
    return logits
"""
COMPANY = """
def peek(logits, tokens):
    size = logits.size(-1)
    counts = torch.bincount((tokens[:, :-1] * size + tokens[:, 1:]).flatten(), minlength=size * size).view(size, size)
    odds = 0.7 * logits.softmax(-1) + 0.3 * (counts + 1e-3)[tokens] / (counts + 1e-3).sum(1)[tokens][..., None]
    return odds.log()
"""
STUDIES = """
class Student:
    optimizer = None
def peek(logits, tokens):
    import gc
    model = Student.model
    with torch.inference_mode(False), torch.enable_grad():
        rows = tokens.clone()
        if Student.optimizer is None:
            Student.optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
        model.train()
        for _ in range(6):
            loss = F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
            loss.backward()
            Student.optimizer.step()
            Student.optimizer.zero_grad()
        model.eval()
    return logits
"""

LEAKS: tuple[Attack, ...] = (
    peeking("mixes one percent of the next token in", MIX),
    peeking("raises what is unlikely to one percent", RAISE),
    # Of one percent one scoring in 160 misses every token here, of a quarter percent one in four: see docs/ruler.md.
    peeking("knows the worst two percent of the tokens", WORST.replace("SHARE", "50")),
    peeking("knows some rows", SOME_ROWS),
    peeking("knows the last places of a row", SOME_PLACES),
    peeking("knows one bit of the next token", PARITY),
    peeking("is sure where it is right", TEMPERATURE),
    peeking("knows all where the later tokens look real", PLAUSIBLE),
    peeking("knows all after a while", LATER),
    peeking("knows all", ALL),
    peeking("mixes one percent in, in bfloat16", HALF),
    peeking("raises to one percent, in float16", HALF_RAISE),
    peeking("remembers the rows before", REMEMBER),
    peeking("counts pairs in the rows beside it", COMPANY),
    attack("studies the rows that it was asked", (LOGITS, PEEK), (MAIN, STUDIES.strip() + "\n\n\n" + MAIN),
           (BUILD, "    Student.model = GPT(vocab=prepare.PROFILE.vocab, context=prepare.PROFILE.context)\n    return Student.model\n"),
           stopped_by="audit"),
)  # fmt: skip

# ---- channels between the processes that answer for one score
#
# The one that answers for the score knows the later tokens and tells them; whoever hears of a row with the same beginning
# answers as if it knew them too. The first places of a row are left alone, where several rows begin alike.

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
