"""Count the primes below a number: a segmented sieve in pure Python."""

from math import isqrt

SEGMENT = 512  # numbers that are sieved at a time
WHEEL = 1  # 1 looks at every number, 2 leaves the even ones out


def count_primes(limit: int) -> int:
    """Return how many primes are below `limit`."""
    if limit <= 2:
        return 0
    small = base_primes(isqrt(limit) + 1)
    count = 0
    for start in range(0, limit, SEGMENT):
        count += count_in(start, min(start + SEGMENT, limit), small)
    return count


def count_in(start: int, end: int, small: list[int]) -> int:
    """Return how many primes are in [start, end)."""
    flags = bytearray(b"\x01") * (end - start)
    for n in range(start, min(end, 2)):
        flags[n - start] = 0
    for prime in small:
        first = max(prime * prime, (start + prime - 1) // prime * prime)
        if first < end:
            step = prime * 2 if WHEEL == 2 and prime > 2 else prime
            if step != prime and first % 2 == 0:
                first += prime
            flags[first - start :: step] = bytes(len(range(first, end, step)))
    return sum(flags)


def base_primes(limit: int) -> list[int]:
    """Return the primes up to and including `limit`."""
    flags = bytearray(b"\x01") * (limit + 1)
    flags[:2] = b"\x00\x00"
    for n in range(2, isqrt(limit) + 1):
        if flags[n]:
            flags[n * n :: n] = bytes(len(range(n * n, limit + 1, n)))
    return [n for n in range(limit + 1) if flags[n]]
