/* options_redis.h - a redis.conf, given where YAML is wanted. Private to options*.c. */
#ifndef LIVE_OPTIONS_REDIS_H
#define LIVE_OPTIONS_REDIS_H

#include <problems.h>

/* Looks at the first lines that say something: `port 6379` is Redis's way, `port: 6379` ours.
 * True, and a problem for each of the first few lines with how it is written here, if the text
 * is a redis.conf. */
bool live_options_refuse_redis(const ConfigSource *source, ConfigProblems *problems);

#endif
