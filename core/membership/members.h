/* members.h - the parts of the table of members, for each other. Private.
 *
 *   members.c        records: what is heard, what wins, digests
 *   members_index.c  finding by id and by address
 *   members_tally.c  shards and their members, who votes, counts kept up, the watched
 */
#ifndef ORR_MEMBERSHIP_MEMBERS_H
#define ORR_MEMBERSHIP_MEMBERS_H

#include <orrery/members.h>

/* members_index.c */
void orr_members_index_add(OrrMembers *members, OrrMember *member);
void orr_members_index_rebuild(OrrMembers *members);
void orr_members_index_free(OrrMembers *members);

/* The shard, or NULL. */
OrrShard *orr_members_index_shard(const OrrMembers *members, const OrrId *id);
void orr_members_index_add_shard(OrrMembers *members, OrrShard *shard);

#define ORR_PICK_MAX 8u
/* Up to `n`, ORR_PICK_MAX at most, of the voters that are alive, but not the one with the id
 * `salt`: whoever asks with the same salt, and knows of the same voters, picks the same. */
size_t orr_members_pick_voters(const OrrMembers *members, const OrrId *salt, OrrMember **voters,
                               size_t n);

/* members_tally.c */
/* Counts a member as what it is now; NULL is nobody. After every change of a record. */
void orr_members_tally(OrrMembers *members, OrrMember *member);
/* It goes into the list of its shard, or out of it and out of all counts. */
void orr_members_join_shard(OrrMembers *members, OrrMember *member, OrrShard *shard);
void orr_members_leave_shard(OrrMembers *members, OrrMember *member);
void orr_members_uncount(OrrMembers *members, OrrMember *member);

/* members.c */
/* The digests change by the hash of a record that comes; or goes, with `sign` -1. */
void orr_members_hash_shard(OrrMembers *members, const OrrShard *shard, int sign);

#endif
