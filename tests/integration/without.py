#!/usr/bin/env python3
"""Run a command with system calls taken away: without.py CALL=ERRNO.. -- COMMAND..

CALL may have a condition on an argument: unshare:0&0x10000000=EPERM fails when
that bit of argument 0 is set. Needs CAP_SYS_ADMIN, so that no_new_privs stays
off and set-user-id programs work.
"""
import ctypes
import errno
import os
import re
import sys

ALLOW, MASKED_EQ = 0x7FFF0000, 7


class Compare(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def main():
    split = sys.argv.index("--")
    lib = ctypes.CDLL("libseccomp.so.2")
    lib.seccomp_init.restype = ctypes.c_void_p
    ctx = ctypes.c_void_p(lib.seccomp_init(ALLOW))
    lib.seccomp_attr_set(ctx, 3, 0)  # SCMP_FLTATR_CTL_NNP
    for text in sys.argv[1:split]:
        name, argument, mask, error = re.fullmatch(r"(\w+)(?::(\d)&(\w+))?=(\w+)", text).groups()
        call = lib.seccomp_syscall_resolve_name(name.encode())
        action = 0x00050000 | getattr(errno, error)
        if argument is None:
            bad = lib.seccomp_rule_add_array(ctx, action, call, 0, None)
        else:
            compare = Compare(int(argument), MASKED_EQ, int(mask, 0), int(mask, 0))
            bad = lib.seccomp_rule_add_array(ctx, action, call, 1, ctypes.byref(compare))
        if bad:
            sys.exit(f"cannot take {text} away: {os.strerror(-bad)}")
    if lib.seccomp_load(ctx):
        sys.exit("cannot load the filter")
    os.execvp(sys.argv[split + 1], sys.argv[split + 1 :])


main()
