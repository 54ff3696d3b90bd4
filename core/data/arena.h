/* arena.h - where a keyspace keeps its entries: small blocks named by 32 bits; private to
 * data/.
 *
 *     reference = page number * 512 + offset / 8      0: none; bit 31: a big block
 *     chunk 256 KiB --> 64 pages of 4 KiB --> blocks of one size, 8 to 512 bytes
 *
 * A block never moves. Blocks of more than 512 bytes come from the heap; their reference leads
 * to an 8-byte block that holds the pointer. A page whose blocks are all free serves any size
 * again, so a change of the usual size of values strands no memory.
 */
#ifndef ORR_DATA_ARENA_H
#define ORR_DATA_ARENA_H

#include <orrery/types.h>

typedef uint32_t OrrRef;

#define ORR_REF_NONE 0u
#define ORR_REF_BIG 0x80000000u
#define ORR_ARENA_BLOCK_MAX 512u /* bytes of a small block */
#define ORR_ARENA_CLASSES (ORR_ARENA_BLOCK_MAX / 8 + 1)
#define ORR_ARENA_CHUNK_SHIFT 15u      /* units of 8 bytes in a chunk: 256 KiB */
#define ORR_ARENA_PAGES_MAX (1u << 22) /* 16 GiB */

typedef struct OrrArenaPage {
    uint16_t live;       /* blocks in use */
    uint16_t free_block; /* first of the free list, or none */
    uint16_t fresh;      /* blocks from here on were never used */
    uint16_t class_;     /* bytes of a block / 8 */
    uint32_t next;       /* in the list of pages with room, or of free pages */
    uint32_t previous;
} OrrArenaPage;

typedef struct OrrArena {
    uint8_t **chunks;
    size_t chunk_count;
    size_t chunk_room;
    void **regions; /* what the heap gave: each holds several chunks */
    size_t region_count;
    uint8_t *region_next; /* unused chunks of the last region */
    size_t region_left;
    OrrArenaPage *pages;
    uint32_t page_count; /* pages ever used; page 0 never is */
    uint32_t page_room;
    uint32_t free_page;
    uint32_t pages_free;
    uint32_t with_room[ORR_ARENA_CLASSES]; /* first page of each size that has a free block */
    size_t big_size;                       /* bytes of big blocks */
    size_t small_size;                     /* of small ones in use */
} OrrArena;

void orr_arena_init(OrrArena *arena);
void orr_arena_clear(OrrArena *arena);
/* True if a block of any size can be had; else 16 GiB are in use. */
bool orr_arena_has_room(const OrrArena *arena);
/* A block of `size` bytes, 8-byte aligned (64 bytes: 64-byte aligned), not cleared. */
OrrRef orr_arena_alloc(OrrArena *arena, size_t size);
/* `size` as it was allocated. */
void orr_arena_free(OrrArena *arena, OrrRef ref, size_t size);
/* Bytes of blocks in use. */
size_t orr_arena_used(const OrrArena *arena);
/* Bytes of all pages, big blocks and its own tables. */
size_t orr_arena_memory(const OrrArena *arena);

static inline void *
orr_arena_small(const OrrArena *arena, OrrRef ref)
{
    uint32_t unit = ref & ((1u << ORR_ARENA_CHUNK_SHIFT) - 1);

    return arena->chunks[(ref & ~ORR_REF_BIG) >> ORR_ARENA_CHUNK_SHIFT] + (size_t)unit * 8;
}

/* The block; ref is not ORR_REF_NONE. */
static inline void *
orr_arena_at(const OrrArena *arena, OrrRef ref)
{
    void *block = orr_arena_small(arena, ref);

    if ((ref & ORR_REF_BIG) != 0) {
        memcpy(&block, block, sizeof block);
    }
    return block;
}

/* Bytes that a block of `size` takes. */
static inline size_t
orr_arena_rounded(size_t size)
{
    return size <= ORR_ARENA_BLOCK_MAX ? (size + 7) & ~(size_t)7 : (size + 15) & ~(size_t)15;
}

#endif
