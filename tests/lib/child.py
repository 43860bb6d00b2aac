# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A function in a process of its own, for what a process cannot take back: another user, another namespace."""
import os
import pickle
import traceback


def as_user(uid, groups, function):
    """Runs it as that user; returns what it returns."""
    def lowered():
        os.setgroups(groups)
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        return function()
    return in_child(lowered)


def in_child(function):
    """Returns what it returns; fails with its trace when it fails."""
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(out)
        try:
            result = (True, function())
        except BaseException:  # pylint: disable=broad-except
            result = (False, traceback.format_exc())
        with os.fdopen(into, "wb") as file:
            pickle.dump(result, file)
        os._exit(0)
    os.close(into)
    with os.fdopen(out, "rb") as file:
        data = file.read()
    os.waitpid(pid, 0)
    assert data, "the child process died"
    fine, result = pickle.loads(data)
    assert fine, result
    return result
