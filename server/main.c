/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>

#include "server/daemon.h"

int main(int argc, char *argv[])
{
	_cleanup_error_ struct error err = ERROR_INIT;
	static struct daemon daemon;
	struct options options;

	switch (options_read(argc, argv, &options)) {
	case OPTIONS_DONE:
		return 0;
	case OPTIONS_WRONG:
		return 2;
	default:
		break;
	}
	log_init(options.log_level);
	/* What a large load needed goes back to the system: left alone, glibc learns to keep it. */
	mallopt(M_MMAP_THRESHOLD, 256 << 10);
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stderr, NULL, _IOLBF, 0);
	if (daemon_run(&daemon, &options, &err) < 0) {
		log_error("%s", error_message(&err));
		return 1;
	}
	return 0;
}
