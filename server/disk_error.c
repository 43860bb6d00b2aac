/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/disk_error.h"

#include <errno.h>

const char *disk_advice(int error)
{
	switch (error) {
	case ENOSPC:
		return "; make room on the file system of the state folder";
	case EDQUOT:
		return "; raise the disk quota of the daemon's user, or make room";
	case EROFS:
		return "; remount the file system of the state folder read-write";
	case EIO:
		return "; the disk may be failing, see the kernel's log";
	default:
		return "";
	}
}

int disk_refuses(struct error *err, const char *reason, const char *what, int error)
{
	return error_set(err, ERROR_PRECONDITION, reason, "%s: %s%s", what, strerror(error), disk_advice(error));
}

int disk_unknown(struct error *err, const char *what, int error)
{
	return error_set(err, ERROR_UNKNOWN, "DURABILITY_UNKNOWN",
		"%s could not be synced: %s; the change may or may not survive a crash%s", what,
		strerror(error), disk_advice(error));
}
