/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Completion scripts: each hands over the words up to the cursor and offers what comes back. */
#include <stdio.h>

#include "client/cli/cli.h"

static const char bash[] =
	"_pepctl() {\n"
	"    local IFS=$'\\n'\n"
	"    COMPREPLY=($(pepctl completion words -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null))\n"
	"}\n"
	"complete -F _pepctl pepctl\n";

static const char zsh[] =
	"#compdef pepctl\n"
	"_pepctl() {\n"
	"    local -a all\n"
	"    all=(${(f)\"$(pepctl completion words -- \"${(@)words[2,CURRENT]}\" 2>/dev/null)\"})\n"
	"    compadd -a all\n"
	"}\n"
	"compdef _pepctl pepctl\n";

static const char fish[] =
	"function __pepctl\n"
	"    set -l words (commandline -opc)\n"
	"    set -l word (commandline -ct)\n"
	"    pepctl completion words -- $words[2..-1] \"$word\" 2>/dev/null\n"
	"end\n"
	"complete -c pepctl -f -a '(__pepctl)'\n";

static int print(const struct words *words, const char *script)
{
	int status = words_end(words);

	if (!status)
		fputs(script, stdout);
	return status;
}

static int print_bash(struct cli *cli, struct words *words)
{
	(void)cli;
	return print(words, bash);
}

static int print_zsh(struct cli *cli, struct words *words)
{
	(void)cli;
	return print(words, zsh);
}

static int print_fish(struct cli *cli, struct words *words)
{
	(void)cli;
	return print(words, fish);
}

int completion_main(struct cli *cli, struct words *words)
{
	static const struct verb verbs[] = {
		{"bash", print_bash, "", "eval \"$(pepctl completion bash)\""},
		{"zsh", print_zsh, "", "eval \"$(pepctl completion zsh)\""},
		{"fish", print_fish, "", "pepctl completion fish | source"},
		{NULL, NULL, NULL, NULL},
	};

	if (words_take(words, "words")) /* what the scripts ask; not for people */
		return completion_words(cli, words);
	return words_run(cli, words, "completion", verbs);
}
