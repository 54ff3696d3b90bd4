/* orrery: the command line of the simulator. Each subcommand is a row of the table below. */
#include <glib.h>
#include <locale.h>
#include <nearest.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "command_options.h"
#include "option.h"

static const SimCommand commands[] = {
    {"run", "[options] FILE...", "Run a failure scenario, and say what held", sim_command_run,
     sim_run_options},
    {"sweep", "[options] FILE...", "Run many seeds of a scenario, in parallel",
     sim_command_sweep, sim_sweep_options},
    {"naive", "[options] FILE...", "Bring the bugs that a scenario names back; see them caught",
     sim_command_naive, sim_naive_options},
    {"check", "[options] FILE...", "Say what is wrong with scenarios; run nothing",
     sim_command_check, sim_check_options},
    {"explain", "[WORD...]", "Document the language of scenarios, or one word of it",
     sim_command_explain, sim_explain_options},
    {"place", "[options] [KEY...]", "Print the node that each key belongs to",
     sim_command_place, sim_command_place_options},
    {"slot", "[options] [KEY...]", "Print the slot of each key", sim_command_slot,
     sim_command_slot_options},
    {"balance", "[options]",
     "Measure how evenly each algorithm spreads keys, and what changes move",
     sim_command_balance, sim_command_balance_options},
    {"top", "[options] [HOST:PORT]", "Show a live cluster, any of whose nodes is at HOST:PORT",
     sim_command_top, sim_command_top_options},
    {"completion", "bash|zsh|fish", "Print a script that completes words in a shell",
     sim_command_completion, sim_completion_options},
    {"help", "[COMMAND]", "Say how a command is used", sim_command_help, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const SimCommand *
sim_commands(void)
{
    return commands;
}

const SimCommand *
sim_command_find(const char *name)
{
    for (const SimCommand *command = commands; command->name != NULL; command++) {
        if (strcmp(command->name, name) == 0) {
            return command;
        }
    }
    return NULL;
}

static void
print_overview(FILE *out)
{
    fputs("Usage: orrery COMMAND [options] [FILE...]\n\n"
          "Runs failure scenarios of a cluster, the same way every time, on the code that "
          "serves\nin production.\n\n",
          out);
    for (const SimCommand *command = commands; command->name != NULL; command++) {
        fprintf(out, "  %-12s %s\n", command->name, command->brief);
    }
    fputs("\n`orrery help COMMAND` says how a command is used, `orrery explain` documents the\n"
          "language of scenarios; `orrery --version` or -V tells the version.\n"
          "Exit codes: 0 all held; 1 a safety check failed; 3 a liveness check failed; 2 "
          "undecided;\n64 usage; 65 bad scenario; 66 no such file; 74 I/O.\n",
          out);
}

static int
unknown_command(const char *name)
{
    ConfigNearest nearest = config_nearest(name);

    for (const SimCommand *command = commands; command->name != NULL; command++) {
        config_nearest_offer(&nearest, command->name);
    }
    if (nearest.best != NULL) {
        return sim_options_usage("", "there is no command `%s`; did you mean `%s`?", name,
                                 nearest.best);
    }
    return sim_options_usage("", "there is no command `%s`", name);
}

int
sim_command_help(int count, char **words)
{
    static char help_option[] = "--help";
    char *help_words[] = {help_option, NULL};
    const SimCommand *command = NULL;

    if (count == 0) {
        print_overview(stdout);
        return SIM_EXIT_HELD;
    }
    command = sim_command_find(words[0]);
    if (command == NULL) {
        return unknown_command(words[0]);
    }
    if (command->options == NULL && command->run != sim_command_help) {
        return command->run(1, help_words);
    }
    printf("Usage: orrery %s %s\n\n%s.\n", command->name, command->usage, command->brief);
    if (command->options != NULL) {
        fputs("\n", stdout);
        sim_options_print(command->options, stdout);
    }
    return SIM_EXIT_HELD;
}

static bool
asks_for_help(int count, char **words)
{
    for (int i = 0; i < count && strcmp(words[i], "--") != 0; i++) {
        if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}

int
main(int argc, char **argv)
{
    const SimCommand *command = NULL;

    g_set_prgname(argc > 0 ? argv[0] : "orrery");
    setlocale(LC_CTYPE, "C.UTF-8"); /* for the width of characters; numbers stay in C */
    if (argc < 2) {
        print_overview(stderr);
        return SIM_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_overview(stdout);
        return SIM_EXIT_HELD;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        printf("orrery %s\n", ORR_VERSION);
        return SIM_EXIT_HELD;
    }
    command = sim_command_find(argv[1]);
    if (command == NULL) {
        return unknown_command(argv[1]);
    }
    if (command->options != NULL && asks_for_help(argc - 2, argv + 2)) {
        return sim_command_help(1, argv + 1);
    }
    return command->run(argc - 2, argv + 2);
}
