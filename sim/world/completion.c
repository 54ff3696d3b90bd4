/* orrery completion: scripts for bash, zsh and fish, out of the tables of commands and options.
 */
#include <string.h>

#include "command.h"
#include "command_options.h"

const SimOption sim_completion_options[] = {
    {"help", 'h', NULL, NULL},
    {0},
};

static void
bash(void)
{
    puts("_orrery() {\n"
         "    local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} words=\n"
         "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
         "        words=\"--help --version");
    for (const SimCommand *command = sim_commands(); command->name != NULL; command++) {
        printf("            %s\n", command->name);
    }
    puts("        \"\n    else\n        case $command in");
    for (const SimCommand *command = sim_commands(); command->name != NULL; command++) {
        printf("        %s) words=\"", command->name);
        for (const SimOption *option = command->options; option != NULL && option->name != NULL;
             option++) {
            printf("--%s ", option->name);
        }
        puts("\";;");
    }
    puts("        esac\n    fi\n"
         "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
         "    [[ $word == -* ]] || COMPREPLY+=($(compgen -f -- \"$word\"))\n"
         "}\ncomplete -o filenames -F _orrery orrery");
}

/* Inside of single quotes. */
static char *
quoted(const char *text)
{
    g_auto(GStrv) pieces = g_strsplit(text, "'", -1);

    return g_strjoinv("'\\''", pieces);
}

static void
zsh(void)
{
    puts("#compdef orrery\n_orrery() {\n    local -a commands\n    commands=(");
    for (const SimCommand *command = sim_commands(); command->name != NULL; command++) {
        g_autofree char *brief = quoted(command->brief);
        printf("        '%s:%s'\n", command->name, brief);
    }
    puts("    )\n    if (( CURRENT == 2 )); then\n        _describe command commands\n"
         "        return\n    fi\n    case $words[2] in");
    for (const SimCommand *command = sim_commands(); command->name != NULL; command++) {
        printf("    %s) _arguments", command->name);
        for (const SimOption *option = command->options; option != NULL && option->name != NULL;
             option++) {
            g_autofree char *brief = quoted(option->brief == NULL ? "help" : option->brief);
            g_autofree char *plain = g_strdelimit(g_strdup(brief), "[]:", ' ');
            printf(" '*--%s[%s]%s'", option->name, plain,
                   option->argument == NULL ? "" : ":value:_files");
        }
        puts(" '*:file:_files' ;;");
    }
    puts("    esac\n}\n_orrery \"$@\"");
}

static void
fish(void)
{
    for (const SimCommand *command = sim_commands(); command->name != NULL; command++) {
        g_autofree char *brief = quoted(command->brief);

        printf("complete -c orrery -n __fish_use_subcommand -a %s -d '%s'\n", command->name,
               brief);
        for (const SimOption *option = command->options; option != NULL && option->name != NULL;
             option++) {
            g_autofree char *about = quoted(option->brief == NULL ? "Help" : option->brief);
            g_autofree char *letter =
                option->letter == 0 ? g_strdup("") : g_strdup_printf(" -s %c", option->letter);

            printf("complete -c orrery -n '__fish_seen_subcommand_from %s' -l %s%s%s -d '%s'\n",
                   command->name, option->name, letter, option->argument == NULL ? "" : " -r",
                   about);
        }
    }
}

int
sim_command_completion(int count, char **words)
{
    if (count == 1 && strcmp(words[0], "bash") == 0) {
        bash();
    } else if (count == 1 && strcmp(words[0], "zsh") == 0) {
        zsh();
    } else if (count == 1 && strcmp(words[0], "fish") == 0) {
        fish();
    } else {
        return sim_options_usage("completion", "which shell: bash, zsh or fish?");
    }
    return SIM_EXIT_HELD;
}
