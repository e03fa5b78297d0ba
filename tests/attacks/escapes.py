"""Programs that try to get out of the sandbox, by kind. Each prints a line `ESCAPED ...` for what it could do.

Nothing here would do harm where it succeeds: files are opened and not written unless they are the test's own, settings
are set to what they are, and calls carry arguments that are refused after the permission has been checked.
"""

from __future__ import annotations

PRELUDE = r"""
import ctypes, errno, fcntl, glob, json, os, signal, socket, stat, struct, subprocess, sys
W = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
ARM = os.uname().machine == "aarch64"
NUMBERS = dict(pivot_root=(155, 41), setns=(308, 268), open_by_handle_at=(304, 265), init_module=(175, 105),
    kexec_load=(246, 104), syslog=(103, 116), quotactl=(179, 60), bpf=(321, 280), perf_event_open=(298, 241),
    keyctl=(250, 219), mount_setattr=(442, 442), open_tree=(428, 428), fsopen=(430, 430), pidfd_open=(434, 434),
    reboot=(169, 142), acct=(163, 89), add_key=(248, 217))
def call(name, *arguments):
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return libc.syscall(ctypes.c_long(NUMBERS[name][ARM]), *wide)
def escaped(*what):
    print("ESCAPED", *what, flush=True)
def read(path):
    try:
        with open(path, "rb") as file:
            return file.read(1 << 16)
    except OSError:
        return b""
def opens(path, flags=os.O_WRONLY):
    try:
        os.close(os.open(path, flags))
        return True
    except OSError:
        return False
def secret(path):
    if b"CANARY" in read(path):
        escaped("read", path)
def overwrite(path):
    try:
        with open(path, "r+b") as file:
            file.write(b"OVERWRITTEN")
        escaped("wrote", path)
    except OSError:
        pass
def refused(done, *allowed):
    if done >= 0 or ctypes.get_errno() not in (errno.EPERM, errno.EACCES, errno.ENOSYS, *allowed):
        escaped(done, os.strerror(ctypes.get_errno()))
def mount(source, target, kind, flags):
    return libc.mount(*(x and x.encode() for x in (source, target, kind)), ctypes.c_ulong(flags), None) == 0
REMOUNT, BIND, DETACH, NEWNS, NEWUSER = 32, 4096, 2, 0x20000, 0x10000000
"""

MOUNTS = {
    "unmount the home": "libc.umount2(W['home'].encode(), DETACH); secret(W['home'] + '/.ssh/id')",
    "unmount the repository": "libc.umount2(W['top'].encode(), DETACH); secret(W['top'] + '/private.txt')",
    "unmount the lock on prepare.py": "libc.umount2((W['slot'] + '/prepare.py').encode(), DETACH)\n"
    "overwrite(W['slot'] + '/prepare.py')",
    "unmount /proc/sys": "libc.umount2(b'/proc/sys', DETACH)\nif opens('/proc/sys/kernel/core_pattern'): escaped()",
    "remount the root": "if mount(None, '/', None, REMOUNT | BIND): escaped()",
    "remount the data": "mount(None, W['data'], None, REMOUNT | BIND); overwrite(W['data'] + '/train.bin')",
    "mount_setattr": "attributes = struct.pack('=QQQQ', 0, 1, 0, 0)\n"
    "if call('mount_setattr', -100, W['data'].encode(), 0, attributes, 32) == 0: escaped()",
    "bind over a system folder": "if mount(W['slot'], '/etc', None, BIND): escaped()",
    "mount a tmpfs": "if mount('none', '/tmp', 'tmpfs', 0): escaped()",
    "mount another proc": "if mount('none', W['slot'], 'proc', 0): escaped()",
    "clone the mount tree": "refused(call('open_tree', -100, b'/', 1 | 0x8000), errno.EINVAL)",
    "open a file system": "refused(call('fsopen', b'tmpfs', 0))",
    "pivot_root": "os.makedirs('new/old', exist_ok=True)\nif call('pivot_root', b'new', b'new/old') == 0: escaped()",
    "chroot": "try: os.chroot('/tmp'); escaped()\nexcept OSError: pass",
    "a namespace of mounts": "refused(libc.unshare(NEWNS), errno.ENOSPC)",
    "a user namespace, then unmount": "if libc.unshare(NEWUSER | NEWNS) == 0: escaped()\n"
    "libc.umount2(W['home'].encode(), DETACH); secret(W['home'] + '/.ssh/id')",
    "unshare as a command": "done = subprocess.run(['unshare', '-Urm', 'true'], capture_output=True)\n"
    "if done.returncode == 0: escaped()",
    "enter the namespaces of process 1": "for name in ('mnt', 'user', 'pid', 'net'):\n"
    "    fd = os.open('/proc/1/ns/' + name, os.O_RDONLY) if opens('/proc/1/ns/' + name, os.O_RDONLY) else -1\n"
    "    if fd >= 0 and call('setns', fd, 0) == 0 and name == 'mnt': secret(W['home'] + '/.ssh/id')",
    "the root of process 1": "for root in ('/proc/1/root', '/proc/self/root', '/proc/1/cwd', '/proc/self/root/..'):\n"
    "    secret(root + W['home'] + '/.ssh/id'); secret(root + W['top'] + '/private.txt')",
    "a file handle": "handle = struct.pack('=Ii', 8, 1) + bytes(8)\n"
    "fd = os.open('/', os.O_RDONLY)\nrefused(call('open_by_handle_at', fd, handle, 0))",
}

FILES = {
    "the home": "secret(W['home'] + '/.ssh/id')\nif os.path.exists(W['home'] + '/.ssh'): escaped()",
    "the checkout": "secret(W['top'] + '/private.txt')",
    "the git folder": "secret(W['top'] + '/.git/config'); secret(W['top'] + '/.git/hooks/post-commit')",
    "the journal": "secret(W['home_of_ours'] + '/journal.db'); overwrite(W['home_of_ours'] + '/journal.db')",
    "another slot": "secret(W['other'] + '/train.py'); overwrite(W['other'] + '/train.py')",
    "the evidence of other runs": "secret(W['evidence'] + '/run.log'); overwrite(W['evidence'] + '/run.log')",
    "a hard link to the data": "try: os.link(W['data'] + '/train.bin', 'mine'); escaped()\nexcept OSError: pass",
    "the data for writing": "overwrite(W['data'] + '/train.bin')",
    "prepare.py": "overwrite(W['slot'] + '/prepare.py')\n"
    "for act in (os.unlink, lambda p: os.rename('new.py', p), lambda p: os.chmod(p, 0o777)):\n"
    "    open('new.py', 'w').close()\n"
    "    try: act(W['slot'] + '/prepare.py'); escaped('replaced')\n    except OSError: pass",
    "the canvas": "overwrite(W['slot'] + '/train.py')\n"
    "try: os.rename(W['slot'], W['slot'] + '-moved'); escaped('moved')\nexcept OSError: pass",
    "bytecode and sitecustomize": "import importlib.util, json as module\n"
    "places = [sys.prefix, sys.base_prefix, os.path.dirname(os.__file__), os.path.dirname(module.__file__)]\n"
    "for place in places:\n"
    "    if opens(place + '/sitecustomize.py', os.O_WRONLY | os.O_CREAT): escaped(place)\n"
    "if opens(importlib.util.cache_from_source(module.__file__)): escaped('bytecode')",
    "system programs": "for place in ('/usr/bin/env', '/etc/passwd', '/etc/ld.so.cache', '/bin/sh'):\n"
    "    if opens(place): escaped(place)\n"
    "for place in ('/etc/new', '/usr/new', '/opt/new', '/new', '/dev/new', W['home'] + '/new'):\n"
    "    if opens(place, os.O_WRONLY | os.O_CREAT): escaped(place)",
    "password hashes": "for place in ('/etc/shadow', '/etc/gshadow', '/etc/sudoers'):\n"
    "    if read(place): escaped(place)",
    "what others wrote into /tmp": "for place in ('/tmp', '/var/tmp', '/dev/shm', '/run'):\n"
    "    if os.path.isdir(place): [secret(p) for p in glob.glob(place + '/**', recursive=True) if os.path.isfile(p)]",
}

# Only where the score is sealed: scripts that measure themselves see the whole machine, read-only.
SEALED_ONLY = {
    "the sealed rows": "secret(W['sealed'] + '/rows'); secret('/proc/1/root' + W['sealed'] + '/rows')",
    "a link to the sealed rows": "os.symlink(W['sealed'], 'to_rows')\n"
    "secret('to_rows/rows'); secret(W['data'] + '/link')",
    "unmount the sealed rows": "libc.umount2(W['sealed'].encode(), DETACH); secret(W['sealed'] + '/rows')",
    "the user's other data": "secret(W['elsewhere'] + '/thesis.txt')\n"
    "for place in ('/mnt', '/srv', '/data', '/media', '/home', '/root'):\n"
    "    for name in os.listdir(place) if os.path.isdir(place) else ():\n"
    "        ours = (sys.prefix, sys.base_prefix, os.path.realpath(sys.executable), W['base'])\n"
    "        if not any(p.startswith(place + '/' + name) for p in ours): escaped(place, name)",
    "a server on this machine": "try: socket.create_connection(('127.0.0.1', W['port']), 1).close(); escaped()\n"
    "except OSError: pass",
    "a way out": "names = [name for _, name in socket.if_nameindex()]\n"
    "if names != ['lo']: escaped(names)\n"
    "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
    "try: s.connect(('203.0.113.1', 53)); escaped('routed')\nexcept OSError: pass",
    "an abstract socket": "s = socket.socket(socket.AF_UNIX)\n"
    "try: s.connect('\\0' + W['abstract']); escaped()\nexcept OSError: pass",
    "unix sockets": "places = [*W['sockets'], '/run/docker.sock', '/var/run/docker.sock', '/run/dbus/system_bus_socket']\n"
    "places += ['/tmp/.X11-unix/X0', '/run/systemd/private', '/run/containerd/containerd.sock']\n"
    "for place in places:\n"
    "    s = socket.socket(socket.AF_UNIX)\n"
    "    try: s.connect(place); escaped(place)\n    except OSError: pass",
    "raw sockets": "try: socket.socket(socket.AF_PACKET, socket.SOCK_RAW); escaped()\nexcept OSError: pass",
}

PROCESSES = {
    "see other processes": "for place in glob.glob('/proc/[0-9]*/cmdline'):\n"
    "    if b'\\0' + W['marker'].encode() in read(place): escaped(place)",
    "read their environment": "for place in glob.glob('/proc/[0-9]*/environ'): secret(place)",
    "kill one": "try: os.kill(W['victim'], signal.SIGKILL)\nexcept OSError: pass",
    "kill all": "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ntry: os.kill(-1, signal.SIGTERM)\nexcept OSError: pass",
    "trace one": "if libc.ptrace(16, W['victim'], None, None) == 0: escaped()",
    "write into one": "if opens('/proc/%d/mem' % W['victim'], os.O_RDWR): escaped()",
    "hold one by a descriptor": "if call('pidfd_open', W['victim'], 0) >= 0: escaped()",
    "limit one": "import resource\n"
    "try: resource.prlimit(W['victim'], resource.RLIMIT_NOFILE); escaped()\nexcept OSError: pass",
    "descriptors that came along": "for name in os.listdir('/proc/self/fd'):\n"
    "    try: place = os.readlink('/proc/self/fd/' + name)\n    except OSError: continue\n"
    "    if W['base'] in place and W['run'] not in place: escaped(place)",
    "keys of the session": "buffer = ctypes.create_string_buffer(64)\n"
    "for ring in (-3, -4, -5):\n"
    "    key = call('keyctl', 10, ring, b'user', W['key'].encode(), 0)\n"
    "    if key > 0 and call('keyctl', 11, key, buffer, 64) > 0 and b'CANARY' in buffer.raw: escaped('read')\n"
    "for line in read('/proc/keys').splitlines():\n"
    "    if W['key'].encode() in line: escaped('listed')",
    "the terminal": "if opens('/dev/tty', os.O_RDWR): escaped('opened')\n"
    "for fd in (0, 1, 2):\n"
    "    try: fcntl.ioctl(fd, 0x5412, b'x'); escaped('typed')\n    except OSError: pass",
}

KERNEL = {
    "capabilities": "for line in read('/proc/self/status').decode().splitlines():\n"
    "    name, _, value = line.partition(':')\n"
    "    if name[:3] == 'Cap' and int(value, 16): escaped(line)\n"
    "    if name == 'NoNewPrivs' and int(value) != 1: escaped(line)",
    "become root": "for act in (os.setuid, os.setgid):\n"
    "    try:\n        act(0)\n"
    "        if W['uid']: escaped(act.__name__)\n    except OSError: pass\n"
    "for number in (1, 1000, W['uid'] + 1):\n"
    "    try: os.setuid(number); escaped('became', number)\n    except OSError: pass",
    "a program that is root's": "for place in glob.glob('/usr/bin/*'):\n"
    "    if os.path.isfile(place) and os.stat(place).st_mode & stat.S_ISUID and 'mount' in place:\n"
    "        if subprocess.run([place, '--bind', '/etc', W['slot']], capture_output=True).returncode == 0: escaped(place)",
    "sysctl": "for name in ('kernel/core_pattern', 'kernel/hostname', 'kernel/modprobe', 'vm/drop_caches', 'fs/file-max'):\n"
    "    if opens('/proc/sys/' + name): escaped(name)",
    "sysrq and interrupts": "for place in ('/proc/sysrq-trigger', *glob.glob('/proc/irq/*/smp_affinity')[:8], '/proc/mtrr'):\n"
    "    if opens(place): escaped(place)",
    "the kernel's memory": "for place in ('/dev/mem', '/dev/kmem', '/dev/port', '/proc/kcore'):\n"
    "    if os.path.exists(place) and read(place): escaped(place)",
    "a disk": "for place in [p for n in ('sd*', 'vd*', 'nvme*', 'dm-*', 'loop*', 'mapper/*') for p in glob.glob('/dev/' + n)]:\n"
    "    if opens(place, os.O_RDONLY): escaped(place)",
    "make a disk's device": "for place in ('disk', '/tmp/disk', '/dev/shm/disk'):\n"
    "    for device in {os.stat(p).st_dev for p in ('/usr', W['slot'])}:\n"
    "        try: os.mknod(place, stat.S_IFBLK | 0o600, device)\n        except OSError: continue\n"
    "        if opens(place, os.O_RDONLY): escaped(place)\n        os.unlink(place)",
    "the kernel's log": "if opens('/dev/kmsg', os.O_RDWR) or read('/proc/kmsg'): escaped()\nrefused(call('syslog', 5, 0, 0))",
    "load a module": "refused(call('init_module', b'x', 1, b''))",
    "load a kernel": "refused(call('kexec_load', 0, 0, 0, 0))",
    "release_agent": "for place in glob.glob('/sys/fs/cgroup/**/release_agent', recursive=True):\n"
    "    if opens(place): escaped(place)\n"
    "if mount('none', '/tmp', 'cgroup', 0) or mount('none', '/tmp', 'cgroup2', 0): escaped('mounted')",
    "other cgroups": "for place in glob.glob('/sys/fs/cgroup/**/cgroup.procs', recursive=True)[:50]:\n"
    "    if opens(place): escaped(place)",
    "settings below /sys": "for place in ('/sys/power/state', '/sys/kernel/uevent_helper', '/sys/kernel/mm/ksm/run',\n"
    "        '/sys/kernel/mm/transparent_hugepage/enabled', '/sys/module/kernel/parameters/panic'):\n"
    "    if opens(place): escaped(place)",
    "set the time": "now = struct.pack('=qq', *divmod(__import__('time').time_ns(), 10**9))\n"
    "refused(libc.clock_settime(0, now))",
    "set the name of the machine": "refused(libc.sethostname(b'escaped', 7))",
    "swap": "refused(libc.swapoff(b'/nowhere')); refused(libc.swapon(b'/nowhere', 0))",
    "quota": "refused(call('quotactl', 0x80000300, b'/dev/null', 0, 0), errno.ENOTBLK, errno.ENODEV, errno.ENOENT)",
    "reboot": "refused(call('reboot', 0xfee1dead, 672274793, 0, 0))",
    "accounting": "refused(call('acct', 0))",
    "bpf": "refused(call('bpf', 11, bytes(64), 64), errno.EINVAL)",
    "watch every processor": "attributes = struct.pack('=IIQ', 1, 112, 0) + bytes(96)\n"
    "if W['paranoid'] > 0: refused(call('perf_event_open', attributes, -1, 0, -1, 0), errno.ENOENT, errno.EOPNOTSUPP)",
    "ports": "if not ARM: refused(libc.iopl(3)); refused(libc.ioperm(0x70, 1, 1))",
    "be put first": "try: os.nice(-5); escaped()\nexcept OSError: pass\n"
    "try: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)); escaped('real time')\nexcept OSError: pass",
    "be spared when memory ends": "try:\n    with open('/proc/self/oom_score_adj', 'w') as file: file.write('-1000')\n"
    "    escaped()\nexcept OSError: pass",
}

BOTH = {**MOUNTS, **FILES, **PROCESSES, **KERNEL}
PROBES = {**BOTH, **SEALED_ONLY}

# One for each kind, run outside or in namespaces where everything is allowed: it must say ESCAPED, or it proves nothing.
CONTROLS: dict[str, tuple[str, ...]] = {
    "mount a tmpfs": ("unshare", "-rm"),
    "a user namespace, then unmount": (),
    "a namespace of mounts": ("unshare", "-rm"),
    "set the name of the machine": ("unshare", "-ru"),
    "capabilities": ("unshare", "-r"),
    "chroot": ("unshare", "-r"),
    "the home": (),
    "the sealed rows": (),
    "another slot": (),
    "prepare.py": (),
    "the user's other data": (),
    "what others wrote into /tmp": (),
    "a server on this machine": (),
    "an abstract socket": (),
    "unix sockets": (),
    "see other processes": (),
    "read their environment": (),
    "hold one by a descriptor": (),
    "limit one": (),
    "keys of the session": (),
}
CONTROLS_AS_ROOT: dict[str, tuple[str, ...]] = {"sysctl": (), "password hashes": ()}
