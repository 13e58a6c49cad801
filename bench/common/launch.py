"""Runs a command and prints its exit status, wall seconds, CPU seconds and peak memory in KiB, on the last line.

A process of its own since the kernel carries the memory of whoever forks into the peak of the child: run with `-I -S`, this
one has 9 MiB. Used by `measure`.
"""

import os
import sys
import time

start = time.perf_counter()
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(child, 0)
wall = time.perf_counter() - start
print(f"\n{os.waitstatus_to_exitcode(status)} {wall} {used.ru_utime + used.ru_stime} {used.ru_maxrss}", flush=True)
