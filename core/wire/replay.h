/* replay.h - whether a frame of a peer was heard before. Private to the core.
 *
 *     forgotten |  window: a bit for each number  | highest | not heard yet
 *     refused   |  1: heard, refused; 0: taken    |         | taken, and the window moves
 *
 * Frames carry the number of the sender's life (incarnation) and a sequence that counts all
 * frames of that life. A frame of an earlier life, one that was heard, and one that is older
 * than the window are refused. Each lane has a window of its own, since a datagram overtakes
 * what queues in a connection; frames that waited for a disk come late, so the windows are
 * wide.
 *
 * After a boot of the receiver a window begins with the first frame that is heard: what was
 * recorded before that may be repeated to it once. It can only repeat what the peer said in its
 * present life, and what counts in it has marks of its own (probe tokens, epochs, offsets).
 *
 * Source: RFC 4303, section 3.4.3, for the window.
 */
#ifndef ORR_WIRE_REPLAY_H
#define ORR_WIRE_REPLAY_H

#include <orrery/event.h>

#define ORR_REPLAY_CONTROL_BITS 2048u
#define ORR_REPLAY_DATA_BITS 65536u
#define ORR_REPLAY_PEERS_MAX 4096u /* more: the one that was silent longest is forgotten */

typedef struct OrrReplay OrrReplay;

OrrReplay *orr_replay_new(void);
void orr_replay_free(OrrReplay *self);
/* True, and noted, if this frame is new. O(1), plus O(bits / 64) when numbers were left out. */
bool orr_replay_admit(OrrReplay *self, const OrrId *sender, OrrLane lane, uint64_t incarnation,
                      uint64_t sequence);

#endif
