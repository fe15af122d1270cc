"""Holding one thread of a process as a debugger does, the others running on (ptrace: PTRACE_SEIZE and PTRACE_INTERRUPT)."""

import ctypes
import os

SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17
ANY_CHILD = 0x40000000  # __WALL

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(request, tid):
    if libc.ptrace(request, tid, None, None) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"ptrace({request:#x}, {tid}): {os.strerror(number)}")


class Held:
    """Holds a thread while it is entered; entered and left by the same thread of this program."""

    def __init__(self, tid):
        self.tid = tid

    def __enter__(self):
        ptrace(SEIZE, self.tid)
        ptrace(INTERRUPT, self.tid)
        os.waitpid(self.tid, ANY_CHILD)
        return self

    def is_gone(self):
        """Whether its process was killed meanwhile. Asking lets it go: until then the process cannot end."""
        try:
            return os.waitpid(self.tid, ANY_CHILD | os.WNOHANG)[0] == self.tid
        except ChildProcessError:
            return True

    def __exit__(self, *_):
        try:
            ptrace(DETACH, self.tid)
        except OSError:
            pass  # It was ended meanwhile.
