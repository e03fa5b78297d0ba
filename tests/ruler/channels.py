"""A canvas that leaves word by every way it can think of, and says which word of another process it found."""

import secrets
from pathlib import Path

CANVAS = '''
import ctypes, fcntl, glob, os, socket, subprocess, sys, tempfile, torch, prepare

libc = ctypes.CDLL(None, use_errno=True)
HERE = os.path.dirname(os.path.abspath(__file__))
found = []
memories = set()


def attempt(way):
    try:
        if way():
            found.append(way.__name__)
    except BaseException:
        pass


def folder(place):
    def file_in():
        path = os.path.join(place, NAME)
        there = os.path.exists(path)
        open(path, "w").close()
        return there
    file_in.__name__ = "file in " + place
    return file_in


def name_of_a_file():
    there = glob.glob(HERE + "/*.moved") + glob.glob(RUN + "/*.moved")
    for path in glob.glob(HERE + "/*") + glob.glob(RUN + "/*"):
        os.link(path, path + ".moved")
    return there


def times_of_the_checkpoint():
    path = RUN + "/checkpoint.pt"
    there = os.stat(path).st_mtime == 77 or os.stat(path).st_mode & 0o7777 == 0o604
    os.chmod(path, 0o604)
    os.utime(path, (77, 77))
    return there


def times_of_access():
    place = RUN + "/checkpoint.pt"
    there = os.stat(place).st_atime > os.stat(place).st_mtime + 1e6
    os.utime(place, (4e9, os.stat(place).st_mtime))
    return there


def attributes():
    path = RUN + "/checkpoint.pt"
    there = "user.word" in os.listxattr(path)
    os.setxattr(path, "user.word", b"1")
    return there


def holds_a_lock():
    """A child that outlives its process holds it."""
    with open(RUN + "/checkpoint.pt") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                for fd in range(0, 64):
                    if fd != file.fileno():
                        try: os.close(fd)
                        except OSError: pass
                libc.sleep(60)
            os._exit(0)


def abstract_socket():
    there = socket.socket(socket.AF_UNIX)
    try:
        there.connect("\\0" + NAME)
        return True
    except OSError:
        pass
    if os.fork() == 0:
        os.setsid()
        own = socket.socket(socket.AF_UNIX)
        own.bind("\\0" + NAME)
        own.listen()
        libc.sleep(60)
        os._exit(0)


def system_v_memory():
    there = libc.shmget(int(NAME[-6:], 16), 4096, 0) >= 0
    libc.shmget(int(NAME[-6:], 16), 4096, 0o1666)
    return there


def system_v_queue():
    there = libc.msgget(int(NAME[-6:], 16), 0) >= 0
    libc.msgget(int(NAME[-6:], 16), 0o1666)
    return there


def message_queue():
    rt = ctypes.CDLL("librt.so.1")
    there = rt.mq_open(b"/" + NAME.encode(), os.O_RDWR) >= 0
    rt.mq_open(b"/" + NAME.encode(), os.O_RDWR | os.O_CREAT, 0o666, None)
    return there


def keyring(ring):
    def keys():
        name = f"{NAME} {ring}".encode()
        number = {"x86_64": (248, 249), "aarch64": (217, 218)}[os.uname().machine]
        there = libc.syscall(number[1], b"user", name, None, 0) > 0
        libc.syscall(number[0], b"user", name, b"1", 1, ring)
        return there
    keys.__name__ = f"keyring {ring}"
    return keys


def host_name():
    there = os.uname().nodename == NAME
    libc.sethostname(NAME.encode(), len(NAME))
    return there


def limits_of_the_kernel():
    path = "/proc/sys/kernel/core_pattern"
    there = NAME in open(path).read()
    open(path, "a").close()
    with open("/proc/sys/kernel/domainname", "r+") as file:
        there = there or NAME in file.read()
        file.write(NAME)
    return there


def its_own_pipes():
    for fd in os.listdir("/proc/self/fd"):
        kind = os.readlink("/proc/self/fd/" + fd)
        if kind.startswith(("pipe:", "/memfd")):
            try:
                with open("/proc/self/fd/" + fd, "rb", opener=lambda p, f: os.open(p, f | os.O_NONBLOCK)) as pipe:
                    data = pipe.read(1 << 24)
                if data and NAME.encode() in data:
                    return True
            except OSError:
                pass
    print(NAME, flush=True)
    print(NAME, file=sys.stderr, flush=True)


def memory_of_the_logits():
    for fd in os.listdir("/proc/self/fd"):
        if os.readlink("/proc/self/fd/" + fd).startswith("/memfd"):
            seen = os.fstat(int(fd)).st_ino
            if seen in memories:
                continue
            memories.add(seen)
            size = os.fstat(int(fd)).st_size
            if os.pread(int(fd), 14, size - 14) == NAME.encode():
                return True
            os.pwrite(int(fd), NAME.encode(), size - 14)


def began(pid):
    return int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[19])


def somebody_else():  # who was here before us: a helper that this process has forked has its words too
    for pid in set(filter(str.isdecimal, os.listdir("/proc"))) - {str(os.getpid())}:
        words = open(f"/proc/{pid}/cmdline", "rb").read().split(b"\\0")
        if b"model" in words and b"bwrap" not in words[0] and began(pid) < began(os.getpid()):
            return True


PLACES = [HERE, RUN, "/tmp", "/var/tmp", "/dev/shm", "/run", "/", os.environ["HOME"], os.environ["TMPDIR"], os.getcwd()]
PLACES += [os.path.dirname(os.__file__), os.path.dirname(torch.__file__), sys.prefix, tempfile.gettempdir(), CACHE]
PLACES += [os.path.dirname(RUN), "/sys/fs/cgroup", "/proc/sys/fs/binfmt_misc", "/etc"]
for place in set(map(os.path.realpath, PLACES)):
    attempt(folder(place))
ways = [name_of_a_file, times_of_the_checkpoint, times_of_access, attributes, holds_a_lock]
ways += [abstract_socket, system_v_memory, system_v_queue, message_queue, its_own_pipes, memory_of_the_logits]
if EVERYTHING:
    ways += [somebody_else, host_name, limits_of_the_kernel, *map(keyring, (-1, -2, -3, -4, -5))]
for way in ways:
    attempt(way)


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(prepare.PROFILE.vocab, prepare.PROFILE.vocab)

    def forward(self, tokens):
        assert not found, f"word was left: {sorted(set(found))}"
        return self.table(tokens)


def build_model():
    return Model()
'''


def canvas(run: Path, cache: Path, everything: bool) -> str:
    """Return the canvas; `everything` also tries what would change the machine where nothing holds it back."""
    names = {"NAME": f"word_{secrets.token_hex(4)}", "RUN": str(run), "CACHE": str(cache), "EVERYTHING": everything}
    return "".join(f"{name} = {value!r}\n" for name, value in names.items()) + CANVAS
