/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Completion scripts; names come from the daemon while one types. */
#include <stdio.h>

#include "client/cli/cli.h"

#define OBJECTS "policy default setting iface stats events info panic completion help"
#define KEYS "src dst sport dport proto iface vlan icmp-type tcp-flags percent priority log nolog shadow ttl comment"
#define ACTIONS "allow block reject reflect rate-limit redirect"

static const char bash[] =
	"_pepctl() {\n"
	"    local cur=${COMP_WORDS[COMP_CWORD]} object=${COMP_WORDS[1]} verb=${COMP_WORDS[2]} words=\n"
	"    case $COMP_CWORD in\n"
	"    1) words='" OBJECTS " --json --quiet --socket --timeout --version' ;;\n"
	"    2) case $object in\n"
	"        policy) words='add set del show flush help' ;;\n"
	"        default) words='allow block unset help' ;;\n"
	"        setting) words='show set help' ;;\n"
	"        iface) words='attach detach show help' ;;\n"
	"        stats) words=--watch ;;\n"
	"        events) words='policy action src dst dport proto iface --count --since' ;;\n"
	"        panic) words='--yes --pin-dir' ;;\n"
	"        completion) words='bash zsh fish' ;;\n"
	"        esac ;;\n"
	"    3) case $object-$verb in\n"
	"        policy-set|policy-del|policy-show)\n"
	"            words=$(pepctl policy show 2>/dev/null | sed -n 's/^policy \\([^ ]*\\) .*/\\1/p') ;;\n"
	"        setting-set) words='fragments malformed event-rate capture' ;;\n"
	"        iface-*) words=$(ls /sys/class/net) ;;\n"
	"        default-*) words=iface ;;\n"
	"        esac ;;\n"
	"    *) case $object in\n"
	"        policy) words='" ACTIONS " " KEYS "' ;;\n"
	"        iface) words='mode auto native generic' ;;\n"
	"        default) words=$(ls /sys/class/net) ;;\n"
	"        events) words='policy action src dst dport proto iface --count --since' ;;\n"
	"        esac ;;\n"
	"    esac\n"
	"    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	"}\n"
	"complete -F _pepctl pepctl\n";

static const char fish[] =
	"complete -c pepctl -f\n"
	"complete -c pepctl -n __fish_use_subcommand -a '" OBJECTS "'\n"
	"complete -c pepctl -n '__fish_seen_subcommand_from policy' -a 'add set del show flush'\n"
	"complete -c pepctl -n '__fish_seen_subcommand_from policy' -a '" ACTIONS " " KEYS "'\n"
	"complete -c pepctl -n '__fish_seen_subcommand_from default' -a 'allow block unset iface'\n"
	"complete -c pepctl -n '__fish_seen_subcommand_from setting' -a 'show set'\n"
	"complete -c pepctl -n '__fish_seen_subcommand_from iface' -a 'attach detach show (ls /sys/class/net)'\n"
	"complete -c pepctl -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'\n";

static int print_bash(struct cli *cli, struct words *words)
{
	(void)cli;
	fputs(bash, stdout);
	return words_end(words);
}

/* zsh runs bash's functions. */
static int print_zsh(struct cli *cli, struct words *words)
{
	(void)cli;
	printf("#compdef pepctl\nautoload -U +X bashcompinit && bashcompinit\n%s", bash);
	return words_end(words);
}

static int print_fish(struct cli *cli, struct words *words)
{
	(void)cli;
	fputs(fish, stdout);
	return words_end(words);
}

int completion_main(struct cli *cli, struct words *words)
{
	static const struct verb verbs[] = {
		{"bash", print_bash, "", "eval \"$(pepctl completion bash)\""},
		{"zsh", print_zsh, "", "eval \"$(pepctl completion zsh)\""},
		{"fish", print_fish, "", "pepctl completion fish | source"},
		{NULL, NULL, NULL, NULL},
	};

	return words_run(cli, words, "completion", verbs);
}
