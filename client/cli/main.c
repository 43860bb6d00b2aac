/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>

#include "client/cli/cli.h"

#define CONFIRM_MAX 604800000000000ull /* ns that the daemon lets a change wait */

const struct verb objects[] = {
	{"policy", policy_main, "add|set|del|show|flush", "what happens to which packets"},
	{"set", set_main, "create|add|del|show|import|lease|...", "named sets of addresses"},
	{"ban", ban_main, "ADDR... [ttl TIME] [in SET]", "keep out addresses for a time"},
	{"unban", unban_main, "ADDR... [in SET]", "let them through again"},
	{"default", default_main, "allow|block|unset|show", "what happens to all others"},
	{"setting", setting_main, "show|set", "fragments, malformed packets, events"},
	{"iface", iface_main, "attach|detach|show", "interfaces that are filtered"},
	{"apply", apply_main, "FILE|- [--dry-run]", "make the ruleset equal to a policy file"},
	{"check", check_main, "FILE|-", "what is wrong with a policy file"},
	{"diff", diff_main, "FILE|-", "how a policy file and the ruleset differ"},
	{"export", export_main, "", "the ruleset as a policy file"},
	{"history", history_main, "[REVISION]", "who changed what, and when"},
	{"rollback", rollback_main, "[to] REVISION", "make the ruleset what it was at a revision"},
	{"confirm", confirm_main, "[REVISION]", "keep a change that was made with --confirm"},
	{"stats", stats_main, "[--watch]", "counters, and the block rate"},
	{"events", events_main, "[FILTER]", "follow what is blocked and what changes"},
	{"explain", explain_main, "PACKET [--candidate FILE]", "what happens to a packet, and why"},
	{"info", info_main, "", "what the daemon is and enforces"},
	{"panic", panic_main, "[--yes]", "take the filter off, without a daemon"},
	{"completion", completion_main, "bash|zsh|fish", "completion for a shell"},
	{NULL, NULL, NULL, NULL},
};

/* Objects of later versions: known words deserve a better answer than "unknown". */
static const char *const later[] = {"top", "doctor"};

static void print_help(FILE *out)
{
	fprintf(out, "Usage: pepctl [OPTION]... OBJECT ...\n\n");
	for (const struct verb *verb = objects; verb->name; verb++)
		fprintf(out, "  %-11s %-34s %s\n", verb->name, verb->usage, verb->help);
	fprintf(out, "\n  -s, --socket PATH   of pepctld ($PEPCTL_SOCKET, /run/pepctl/pepctl.sock)\n"
	       "  -j, --json          JSON: one object, or one a line for streams\n"
	       "  -q, --quiet         say nothing when it worked\n"
	       "  -v, --verbose       policy show: last hit, place, revisions; history: what changed\n"
	       "      --force         change it even where that cuts off connections to protect-ports\n"
	       "      --confirm TIME  undo the change after it, as 60s, unless it is confirmed\n"
	       "      --timeout TIME  give up an answer after it, as 5s (30s); events go on\n"
	       "  -V, --version, -h, --help\n\n"
	       "Objects and verbs may be shortened while they stay unambiguous: pepctl pol sh.\n"
	       "pepctl OBJECT help tells more; -- ends options. Exit status: 0 done, 1 refused, 2 wrong usage,\n"
	       "3 daemon not reachable, 4 no right.\n");
}

static int read_timeout(const char *word, int *ret)
{
	char message[160];
	uint64_t ns;

	if (text_parse_duration(word, &ns, message) < 0)
		return usage_error("--timeout: %s", message);
	if (ns < 1000000 || ns / 1000000 > INT32_MAX)
		return usage_error("--timeout: \"%s\" is not from 1ms to 24d", word);
	*ret = (int)(ns / 1000000);
	return EXIT_DONE;
}

static int read_confirm(const char *word, int64_t *ret)
{
	char message[160];
	uint64_t ns;

	if (!word)
		return usage_error("--confirm: the time is missing, as 60s");
	if (text_parse_duration(word, &ns, message) < 0)
		return usage_error("--confirm: %s", message);
	if (!ns || ns > CONFIRM_MAX)
		return usage_error("--confirm: \"%s\" is not from 1ns to 7d", word);
	*ret = (int64_t)ns;
	return EXIT_DONE;
}

/* Returns an exit status, or -1 to go on. */
static int read_options(int argc, char *argv[], struct cli *cli)
{
	static const struct option known[] = {
		{"socket", required_argument, NULL, 's'}, {"json", no_argument, NULL, 'j'},
		{"quiet", no_argument, NULL, 'q'}, {"verbose", no_argument, NULL, 'v'},
		{"timeout", required_argument, NULL, 't'}, {"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'}, {"force", no_argument, NULL, 'f'},
		{"confirm", required_argument, NULL, 'c'}, {NULL, 0, NULL, 0},
	};
	static char name[] = "pepctl"; /* what getopt's messages begin with, wherever it was called from */
	int c, status;

	argv[0] = name;
	while ((c = getopt_long(argc, argv, "+s:jqvVh", known, NULL)) != -1) {
		switch (c) {
		case 's':
			cli->socket = optarg;
			break;
		case 'j':
			cli->json = true;
			break;
		case 'q':
			cli->quiet = true;
			break;
		case 'v':
			cli->verbose = true;
			break;
		case 'f':
			cli->force = true;
			break;
		case 'c':
		case 't':
			status = c == 'c' ? read_confirm(optarg, &cli->confirm) :
					    read_timeout(optarg, &cli->timeout);
			if (status)
				return status;
			break;
		case 'V':
			printf("pepctl %s\n", PEP_VERSION);
			return EXIT_DONE;
		case 'h':
			print_help(stdout);
			return EXIT_DONE;
		default:
			return EXIT_USAGE;
		}
	}
	return -1;
}

static char help[] = "help";

/* "help policy" is "policy help", and so is "policy add web --help": it never does what it asks about. */
static void read_help(struct words *words)
{
	if (words->count > 1 && streq(words->list[0], "help")) {
		memmove(&words->list[0], &words->list[1], (size_t)--words->count * sizeof(*words->list));
		words->list[words->count++] = help;
	}
	for (int i = 1; i < words->options_end && i < words->count; i++)
		if (streq(words->list[i], "--help") || streq(words->list[i], "-h")) {
			words->list[1] = help;
			words->count = 2;
		}
}

static void drop_words(struct words *words, int at, int count)
{
	memmove(&words->list[at], &words->list[at + count],
		(size_t)(words->count - at - count) * sizeof(*words->list));
	words->count -= count;
	words->options_end -= count;
}

/* Of the whole command, and people append it to what was refused. */
static void read_force(struct words *words, struct cli *cli)
{
	for (int i = 0; i < words->options_end; i++)
		if (streq(words->list[i], "--force")) {
			drop_words(words, i--, 1);
			cli->force = true;
		}
}

/* The same for --confirm TIME and --confirm=TIME. */
static int read_confirms(struct words *words, struct cli *cli)
{
	int status = EXIT_DONE;

	for (int i = 0; i < words->options_end && !status; i++) {
		bool pair = streq(words->list[i], "--confirm"), has = i + 1 < words->options_end;

		if (!pair && strncmp(words->list[i], "--confirm=", 10) != 0)
			continue;
		status = read_confirm(pair ? has ? words->list[i + 1] : NULL : words->list[i] + 10,
			&cli->confirm);
		drop_words(words, i--, pair && has ? 2 : 1);
	}
	return status;
}

/* "--" ends options and is no word itself; before the object getopt has taken it already. */
static void read_dashes(struct words *words, bool taken)
{
	int at = 0;

	words->options_end = 0;
	if (taken)
		return;
	while (at < words->count && !streq(words->list[at], "--"))
		at++;
	words->options_end = at;
	if (at < words->count)
		memmove(&words->list[at], &words->list[at + 1],
			(size_t)(--words->count - at) * sizeof(*words->list));
}

static int run(int argc, char *argv[], struct cli *cli)
{
	struct words words = {.list = argv + optind, .count = argc - optind};

	read_dashes(&words, streq(argv[optind - 1], "--"));
	read_force(&words, cli);
	read_help(&words);
	if (!words.count || words_at_help(&words)) {
		print_help(words.count ? stdout : stderr);
		return words.count ? EXIT_DONE : EXIT_USAGE;
	}
	if (read_confirms(&words, cli))
		return EXIT_USAGE;
	for (size_t i = 0; i < ARRAY_SIZE(later); i++)
		if (streq(words.list[0], later[i]))
			return usage_error("%s is not in this version", later[i]);
	return words_run(cli, &words, "", objects);
}

int main(int argc, char *argv[])
{
	struct cli cli = {0};
	int status;

	signal(SIGPIPE, SIG_IGN); /* a reader that goes away is the end of a stream, not an accident */
	arena_init(&cli.arena, 256u << 20);
	status = read_options(argc, argv, &cli);
	if (status < 0)
		status = run(argc, argv, &cli);
	if (cli.client)
		client_free(cli.client);
	arena_deinit(&cli.arena);
	return status ? status : cli_end_output();
}
