/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Takes the filter off every interface without a daemon: the links that are
 * pinned are detached and their pins removed. The only file of the client that
 * uses libbpf. Maps stay pinned, with them policies and counters.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include <bpf/bpf.h>

#include "client/cli/cli.h"

#define PIN_DIR_DEFAULT "/sys/fs/bpf/pepctl"

/* Pins have a colon for each dot of the interface's name. */
static void name_of_pin(const char *pin, char ret[static IFACE_NAME_SIZE])
{
	snprintf(ret, IFACE_NAME_SIZE, "%.15s", pin);
	for (char *at = ret; *at; at++)
		if (*at == ':')
			*at = '.';
}

static int detach_pin(const char *dir, const char *pin)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	char name[IFACE_NAME_SIZE];

	name_of_pin(pin, name);
	if (asprintf(&path, "%s/links/%s", dir, pin) < 0)
		return -ENOMEM;
	fd = bpf_obj_get(path);
	if (fd < 0 || (bpf_link_detach(fd) < 0 && errno != ENOLINK) ||
		(unlink(path) < 0 && errno != ENOENT)) { /* a running pepctld was faster */
		fprintf(stderr, "pepctl: %s: %s\n", name, strerror(errno));
		return -errno;
	}
	printf("%s: the filter is off\n", name);
	return 0;
}

static int detach_all(const char *dir)
{
	_cleanup_free_ char *path = NULL;
	struct dirent *entry;
	size_t done = 0, failed = 0;
	DIR *links;

	if (asprintf(&path, "%s/links", dir) < 0 || !(links = opendir(path))) {
		fprintf(stderr, "pepctl: %s: %s; is --pin-dir right?\n", path ? path : dir, strerror(errno));
		return EXIT_REFUSED;
	}
	while ((entry = readdir(links)))
		if (entry->d_name[0] != '.') {
			if (detach_pin(dir, entry->d_name) < 0)
				failed++;
			else
				done++;
		}
	closedir(links);
	if (!done && !failed)
		printf("no interface had the filter\n");
	if (done)
		printf("To come back: systemctl restart pepctld (a running one: pepctl iface attach DEV)\n");
	return failed ? EXIT_REFUSED : EXIT_DONE;
}

int panic_main(struct cli *cli, struct words *words)
{
	const char *dir = getenv("PEPCTL_PIN_DIR"), *word;
	bool yes = false;

	if (!dir || !*dir)
		dir = PIN_DIR_DEFAULT;
	while ((word = words_next(words))) {
		if (streq(word, "help")) {
			printf("Usage: pepctl panic [--yes] [--pin-dir DIR]\n"
			       "  takes the filter off every interface; needs root, no daemon\n");
			return EXIT_DONE;
		}
		if (streq(word, "--yes") || streq(word, "-y"))
			yes = true;
		else if (!streq(word, "--pin-dir") || !(dir = words_next(words)))
			return usage_error("\"%s\": pepctl panic [--yes] [--pin-dir DIR]", word);
	}
	if (cli_no_confirm(cli))
		return EXIT_USAGE;
	if (geteuid() != 0) {
		fprintf(stderr, "pepctl: panic needs root: run it with sudo\n");
		return EXIT_NO_RIGHT;
	}
	if (!yes && words_confirm("panic takes the filter off every interface",
			    "Take the filter off every interface? Nothing is blocked any more."))
		return EXIT_REFUSED;
	return detach_all(dir);
}
