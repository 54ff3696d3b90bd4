/* link_filter.h - for tests only: peers that this node is cut off from, as a file says.
 *
 *     in  127.0.0.1:17002      nothing of this peer arrives
 *     out 127.0.0.1:17003      nothing reaches this one
 *
 * ip and bus port. The file is read at start and again on SIGUSR2. It exists for runs that
 * compare real processes with the simulator; without the key `test-link-filter` there is no
 * filter at all.
 *
 * What is cut behaves as on a network that swallows packets: datagrams vanish, a connection
 * stands and is silent, until it is given up after LIVE_LINK_TIMEOUT_MS, and no new one comes
 * about. A healed connection on which frames were swallowed breaks, as one does whose bytes are
 * missing.
 */
#ifndef LIVE_LINK_FILTER_H
#define LIVE_LINK_FILTER_H

#include <orrery/types.h>

typedef struct LiveLinkFilter LiveLinkFilter;

LiveLinkFilter *live_link_filter_new(const char *path);
void live_link_filter_free(LiveLinkFilter *filter);
/* Reads the file again. A missing file: nothing is cut. False: a line is wrong; nothing
 * changed, and *why, owned by the caller, says which. */
bool live_link_filter_read(LiveLinkFilter *filter, char **why);
/* All of these are false with a filter that is NULL. */
bool live_link_filter_in(const LiveLinkFilter *filter, const OrrAddress *peer);
bool live_link_filter_out(const LiveLinkFilter *filter, const OrrAddress *peer);

#endif
