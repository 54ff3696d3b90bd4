/* settings_command.h - CONFIG GET and SET over a node's settings alone: what a simulated host
 * answers. The daemon, which has keys of its own and a file, has its own answer.
 */
#ifndef CONFIG_SETTINGS_COMMAND_H
#define CONFIG_SETTINGS_COMMAND_H

#include <orrery/resp.h>
#include <orrery/settings.h>

/* Answers the command `words` (a RESP array) into `reply`. True: `settings` changed. */
bool config_settings_command(OrrSettings *settings, OrrBytes words, OrrReply *reply);

#endif
