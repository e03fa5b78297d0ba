"""Check and time src/kernel.py. Fixed: the agent cannot change it. Prints `latency_ms`, its best pass."""

import sys
import time

sys.path.insert(0, "src")

from kernel import count_primes

LIMITS = [200_000 + 7_919 * k for k in range(5)]
PASSES = 5


def slow_count(limit: int) -> int:
    """Count primes the plain way; what is checked against shares no line with the kernel."""
    composite = bytearray(limit)
    count = 0
    for n in range(2, limit):
        if not composite[n]:
            count += 1
            composite[n * n :: n] = b"\x01" * len(composite[n * n :: n])
    return count


def main() -> None:
    for limit in (0, 1, 2, 3, 4, 10, 100, 997, 10_007, *LIMITS):
        if count_primes(limit) != slow_count(limit):
            sys.exit(f"wrong: count_primes({limit}) is {count_primes(limit)}, and must be {slow_count(limit)}")
    passes = []
    for shift in range(PASSES):
        began = time.process_time()  # other work on the machine does not count
        for limit in LIMITS:
            count_primes(limit + shift)
        passes.append(1000 * (time.process_time() - began))
    print(f"latency_ms: {min(passes):.3f}")


if __name__ == "__main__":
    main()
