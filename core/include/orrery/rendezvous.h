/* rendezvous.h - highest random weight: every node bids for every key, and the best bid wins.
 *
 *     key k    node A bids 0x3f2..., node B bids 0xa17..., node C bids 0x9c0...  ->  B
 *
 * A node's bid depends on the key and the node alone. So of a node that leaves only its own
 * keys move, each to the next best bidder; a newcomer takes only what it bids most for; and the
 * best r bidders are r replicas that change one at a time. Balance is that of throwing dice.
 * The price is time that grows with the nodes: about 1 ns each, a third of it and less where
 * AVX2 or AVX-512 do sixteen at once. Here are the bare contests; placement.h has them with
 * names, replicas and zones, and "rendezvous-tree", where groups bid before their nodes do: its
 * time hardly grows up to tens of thousands of nodes, and a change moves up to three times the
 * least.
 *
 * The bid is xorshift64*(hash of the key xor hash of the node). With weights, the node with the
 * least -log2(bid / 2^64) / weight wins, which falls on each with probability weight / total;
 * the logarithm is computed in integers, so that all machines agree.
 *
 * Source: Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", IEEE/ACM
 * ToN 6(1), 1998. Weights: Schindelhauer and Schomaker, "Weighted Distributed Hash Tables",
 * SPAA 2005, the logarithmic method. Tree: Yao, Ravishankar and Tripathi, "Hash-Based Virtual
 * Hierarchies for Caching in Hybrid Content-Delivery Networks", UC Riverside 2001. Memory:
 * none. Threads: any.
 */
#ifndef ORRERY_RENDEZVOUS_H
#define ORRERY_RENDEZVOUS_H

#include <orrery/types.h>

ORR_BEGIN_DECLS

/* SipHash-2-4 with key (seed, 0): what placement.h hashes keys and names with by default. */
ORR_API uint64_t orr_rendezvous_hash(uint64_t seed, OrrBytes bytes);

/* What a node bids for a key, both given by their hashes: real ones, such as the above. The bid
 * is one step of a generator, which does not make random what is not. */
ORR_API uint64_t orr_rendezvous_bid(uint64_t key_hash, uint64_t node_hash);

/* The index of the node that wins, the first of equal ones; 0 where `count` is 0. O(count). */
ORR_API size_t orr_rendezvous_find(uint64_t key_hash, const uint64_t *node_hashes,
                                   size_t count);

/* The same where node i has weights[i]; weight 0 never wins. `count` where nobody has a weight.
 */
ORR_API size_t orr_rendezvous_find_weighted(uint64_t key_hash, const uint64_t *node_hashes,
                                            const uint32_t *weights, size_t count);

ORR_END_DECLS

#endif
