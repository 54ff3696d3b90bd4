#include "data/arena.h"

#include <glib.h>

#define PAGE_SIZE 4096u
#define PAGE_UNITS (PAGE_SIZE / 8)
#define CHUNK_SIZE ((size_t)8 << ORR_ARENA_CHUNK_SHIFT)
#define CHUNK_PAGES (CHUNK_SIZE / PAGE_SIZE)
#define REGION_CHUNKS_MAX 32u /* 8 MiB: large enough for the kernel's large pages */
#define NO_BLOCK UINT16_MAX

void
orr_arena_init(OrrArena *arena)
{
    memset(arena, 0, sizeof *arena);
    arena->page_count = 1;
}

void
orr_arena_clear(OrrArena *arena)
{
    for (size_t i = 0; i < arena->region_count; i++) {
        g_free(arena->regions[i]);
    }
    g_free(arena->regions);
    g_free(arena->chunks);
    g_free(arena->pages);
    orr_arena_init(arena);
}

bool
orr_arena_has_room(const OrrArena *arena)
{
    return arena->page_count < ORR_ARENA_PAGES_MAX - 4 || arena->pages_free >= 4;
}

/* Regions double, so that a small keyspace costs little address space. */
static void
add_region(OrrArena *arena)
{
    size_t chunks = MIN(MAX((size_t)1, arena->chunk_count), REGION_CHUNKS_MAX);
    uint8_t *raw = g_malloc(chunks * CHUNK_SIZE + PAGE_SIZE);
    size_t skew = (size_t)((uintptr_t)raw % PAGE_SIZE);

    arena->regions = g_renew(void *, arena->regions, arena->region_count + 1);
    arena->regions[arena->region_count++] = raw;
    arena->region_next = raw + (skew == 0 ? 0 : PAGE_SIZE - skew);
    arena->region_left = chunks;
}

static void
add_chunk(OrrArena *arena)
{
    if (arena->region_left == 0) {
        add_region(arena);
    }
    if (arena->chunk_count == arena->chunk_room) {
        arena->chunk_room = MAX((size_t)4, arena->chunk_room * 2);
        arena->chunks = g_renew(uint8_t *, arena->chunks, arena->chunk_room);
    }
    arena->chunks[arena->chunk_count++] = arena->region_next;
    arena->region_next += CHUNK_SIZE;
    arena->region_left--;
}

static uint32_t
take_page(OrrArena *arena)
{
    uint32_t page = arena->free_page;

    if (page != 0) {
        arena->free_page = arena->pages[page].next;
        arena->pages_free--;
        return page;
    }
    page = arena->page_count++;
    g_assert(page < ORR_ARENA_PAGES_MAX);
    if (page / CHUNK_PAGES >= arena->chunk_count) {
        add_chunk(arena);
    }
    if (page >= arena->page_room) {
        arena->page_room = MAX(64u, arena->page_room * 2);
        arena->pages = g_renew(OrrArenaPage, arena->pages, arena->page_room);
    }
    return page;
}

static void
link_page(OrrArena *arena, uint32_t page)
{
    OrrArenaPage *self = &arena->pages[page];
    uint32_t *head = &arena->with_room[self->class_];

    self->previous = 0;
    self->next = *head;
    if (*head != 0) {
        arena->pages[*head].previous = page;
    }
    *head = page;
}

static void
unlink_page(OrrArena *arena, uint32_t page)
{
    OrrArenaPage *self = &arena->pages[page];

    if (self->previous != 0) {
        arena->pages[self->previous].next = self->next;
    } else {
        arena->with_room[self->class_] = self->next;
    }
    if (self->next != 0) {
        arena->pages[self->next].previous = self->previous;
    }
}

static bool
page_is_full(const OrrArenaPage *page)
{
    return page->live == PAGE_UNITS / page->class_;
}

static uint32_t
page_with_room(OrrArena *arena, uint16_t class_)
{
    uint32_t page = arena->with_room[class_];

    if (page == 0) {
        page = take_page(arena);
        arena->pages[page] = (OrrArenaPage){.free_block = NO_BLOCK, .class_ = class_};
        link_page(arena, page);
    }
    return page;
}

static OrrRef
alloc_small(OrrArena *arena, size_t size)
{
    uint16_t class_ = (uint16_t)((MAX(size, (size_t)1) + 7) / 8);
    uint32_t page = page_with_room(arena, class_);
    OrrArenaPage *self = &arena->pages[page];
    uint16_t block = self->free_block;

    if (block == NO_BLOCK) {
        block = self->fresh++;
    } else {
        memcpy(&self->free_block,
               orr_arena_small(arena, page * PAGE_UNITS + (uint32_t)block * class_),
               sizeof self->free_block);
    }
    self->live++;
    arena->small_size += (size_t)class_ * 8;
    if (page_is_full(self)) {
        unlink_page(arena, page);
    }
    return page * PAGE_UNITS + (uint32_t)block * class_;
}

static void
free_small(OrrArena *arena, OrrRef ref)
{
    uint32_t page = ref / PAGE_UNITS;
    OrrArenaPage *self = &arena->pages[page];

    if (page_is_full(self)) {
        link_page(arena, page);
    }
    memcpy(orr_arena_small(arena, ref), &self->free_block, sizeof self->free_block);
    self->free_block = (uint16_t)(ref % PAGE_UNITS / self->class_);
    self->live--;
    arena->small_size -= (size_t)self->class_ * 8;
    if (self->live == 0) {
        unlink_page(arena, page);
        self->next = arena->free_page;
        arena->free_page = page;
        arena->pages_free++;
    }
}

OrrRef
orr_arena_alloc(OrrArena *arena, size_t size)
{
    if (size <= ORR_ARENA_BLOCK_MAX) {
        return alloc_small(arena, size);
    }

    OrrRef ref = alloc_small(arena, sizeof(void *));
    void *block = g_malloc(orr_arena_rounded(size));

    memcpy(orr_arena_small(arena, ref), &block, sizeof block);
    arena->big_size += orr_arena_rounded(size) + 16;
    return ref | ORR_REF_BIG;
}

void
orr_arena_free(OrrArena *arena, OrrRef ref, size_t size)
{
    if ((ref & ORR_REF_BIG) != 0) {
        g_free(orr_arena_at(arena, ref));
        arena->big_size -= orr_arena_rounded(size) + 16;
        ref &= ~ORR_REF_BIG;
    }
    free_small(arena, ref);
}

size_t
orr_arena_used(const OrrArena *arena)
{
    return arena->small_size + arena->big_size;
}

size_t
orr_arena_memory(const OrrArena *arena)
{
    return (size_t)(arena->page_count - 1 - arena->pages_free) * PAGE_SIZE + arena->big_size +
           arena->page_room * sizeof(OrrArenaPage) + arena->chunk_room * sizeof(uint8_t *);
}
