#include "placement/kind.h"

char *
orr_nodes_text(OrrBytes name, uint16_t port, size_t *size)
{
    char *text = g_malloc(name.size + 7);

    memcpy(text, name.data, name.size);
    *size = name.size;
    if (port != 0) {
        *size += (size_t)g_snprintf(text + name.size, 7, ":%u", port);
    }
    return text;
}

/* A name may hold any byte, so the table's key is its bytes. */
static GBytes *
key_of(OrrBytes name, uint16_t port)
{
    size_t size;
    char *text = orr_nodes_text(name, port, &size);

    return g_bytes_new_take(text, size);
}

void
orr_nodes_init(OrrPlacement *placement)
{
    placement->numbers =
        g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
}

static void
clear_node(Node *node)
{
    g_free(node->text);
    g_free(node->zone);
    memset(node, 0, sizeof *node);
}

void
orr_nodes_clear(OrrPlacement *placement)
{
    for (uint32_t number = 0; number < placement->number_limit; number++) {
        clear_node(&placement->nodes[number]);
    }
    g_free(placement->nodes);
    g_free(placement->rank);
    g_free(placement->by_name);
    g_free(placement->by_age);
    g_free(placement->zones_of_at_least);
    g_hash_table_unref(placement->numbers);
}

static void
remember(OrrPlacement *placement, uint32_t number)
{
    const Node *node = &placement->nodes[number];
    OrrBytes name = orr_bytes(node->text, node->name_size);

    g_hash_table_insert(placement->numbers, key_of(name, node->port),
                        GUINT_TO_POINTER(number + 1));
}

void
orr_nodes_copy(OrrPlacement *placement, const OrrPlacement *from)
{
    size_t room = from->number_room;

    orr_nodes_init(placement);
    placement->nodes = g_memdup2(from->nodes, room * sizeof *from->nodes);
    placement->rank = g_memdup2(from->rank, room * sizeof *from->rank);
    placement->by_name = g_memdup2(from->by_name, room * sizeof *from->by_name);
    placement->by_age = g_memdup2(from->by_age, room * sizeof *from->by_age);
    placement->zones_of_at_least =
        g_memdup2(from->zones_of_at_least, from->zone_levels * sizeof *from->zones_of_at_least);
    for (uint32_t number = 0; number < from->number_limit; number++) {
        Node *node = &placement->nodes[number];

        if (node->text != NULL) {
            node->text = g_memdup2(node->text, node->text_size);
            node->zone = node->zone != NULL ? g_memdup2(node->zone, node->zone_size) : NULL;
            remember(placement, number);
        }
    }
}

uint32_t
orr_nodes_find(const OrrPlacement *placement, OrrBytes name, uint16_t port)
{
    GBytes *key = key_of(name, port);
    uint32_t found = GPOINTER_TO_UINT(g_hash_table_lookup(placement->numbers, key));

    g_bytes_unref(key);
    if (found == 0) {
        return ORR_PLACEMENT_NO_NODE;
    }
    return found - 1;
}

bool
orr_nodes_has(const OrrPlacement *placement, uint32_t number)
{
    return number < placement->number_limit && placement->nodes[number].text != NULL;
}

int
orr_nodes_compare(OrrBytes a, OrrBytes b)
{
    size_t common = MIN(a.size, b.size);
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);

    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

OrrStatus
orr_nodes_check(const OrrPlacement *placement, const OrrPlacementNode *node)
{
    if (node->name.size == 0 || node->name.size > ORR_PLACEMENT_NAME_MAX ||
        node->zone.size > ORR_PLACEMENT_NAME_MAX) {
        return ORR_INVALID;
    }
    GBytes *key = key_of(node->name, node->port);
    bool here = g_hash_table_contains(placement->numbers, key);
    g_bytes_unref(key);
    if (here) {
        return ORR_EXISTS;
    }
    if (placement->info->weighted) {
        return ORR_OK;
    }
    bool other =
        placement->count != 0 && placement->nodes[placement->by_age[0]].weight != node->weight;
    return node->weight == 0 || other ? ORR_REFUSED : ORR_OK;
}

static void
make_room(OrrPlacement *placement)
{
    if (placement->number_limit < placement->number_room) {
        return;
    }
    uint32_t room = MAX(16, 2 * placement->number_room);
    placement->nodes = g_renew(Node, placement->nodes, room);
    memset(placement->nodes + placement->number_room, 0,
           (room - placement->number_room) * sizeof *placement->nodes);
    placement->rank = g_renew(uint32_t, placement->rank, room);
    placement->by_name = g_renew(uint32_t, placement->by_name, room);
    placement->by_age = g_renew(uint32_t, placement->by_age, room);
    placement->number_room = room;
}

static uint32_t
free_number(OrrPlacement *placement)
{
    if (placement->count == placement->number_limit) {
        make_room(placement);
        return placement->number_limit++;
    }
    uint32_t number = 0;
    while (placement->nodes[number].text != NULL) {
        number++;
    }
    return number;
}

uint32_t
orr_nodes_add(OrrPlacement *placement, const OrrPlacementNode *node)
{
    uint32_t number = free_number(placement);
    Node *added = &placement->nodes[number];

    added->text = orr_nodes_text(node->name, node->port, &added->text_size);
    added->name_size = node->name.size;
    added->port = node->port;
    added->weight = node->weight;
    added->zone_size = node->zone.size;
    added->zone = node->zone.size != 0 ? g_memdup2(node->zone.data, node->zone.size) : NULL;
    placement->by_age[placement->count] = number;
    placement->by_name[placement->count] = number;
    placement->count++;
    remember(placement, number);
    return number;
}

static void
drop(uint32_t *numbers, uint32_t count, uint32_t number)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (numbers[i] != number) {
            numbers[kept++] = numbers[i];
        }
    }
}

void
orr_nodes_remove(OrrPlacement *placement, uint32_t number)
{
    Node *node = &placement->nodes[number];
    GBytes *key = key_of(orr_bytes(node->text, node->name_size), node->port);

    g_hash_table_remove(placement->numbers, key);
    g_bytes_unref(key);
    drop(placement->by_age, placement->count, number);
    drop(placement->by_name, placement->count, number);
    placement->count--;
    placement->total_load -= node->load;
    clear_node(node);
}

static int
compare_numbers(const void *left, const void *right, void *data)
{
    const OrrPlacement *placement = data;

    return orr_nodes_compare(node_text(placement, *(const uint32_t *)left),
                             node_text(placement, *(const uint32_t *)right));
}

static void
rank_by_name(OrrPlacement *placement)
{
    /* GLib's sort is a merge sort, quick on what is sorted but for the end. */
    g_qsort_with_data(placement->by_name, (int)placement->count, sizeof *placement->by_name,
                      compare_numbers, placement);
    for (uint32_t i = 0; i < placement->count; i++) {
        placement->rank[placement->by_name[i]] = i;
    }
}

/* Numbers the zones in the order of their first node's name, and counts how many zones have at
 * least k nodes. Only nodes with a weight count: the others hold no copies. */
static void
number_zones(OrrPlacement *placement)
{
    GHashTable *zones =
        g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    uint32_t *sizes = g_new0(uint32_t, (size_t)placement->count + 1);
    uint32_t zone_count = 0;
    uint32_t largest = 0;

    for (uint32_t i = 0; i < placement->count; i++) {
        Node *node = &placement->nodes[placement->by_name[i]];
        uint32_t zone = 0;

        if (node->zone != NULL) {
            GBytes *key = g_bytes_new(node->zone, node->zone_size);
            zone = GPOINTER_TO_UINT(g_hash_table_lookup(zones, key));
            if (zone == 0) {
                g_hash_table_insert(zones, g_bytes_ref(key), GUINT_TO_POINTER(zone_count + 1));
            }
            g_bytes_unref(key);
        }
        node->zone_number = zone != 0 ? zone - 1 : zone_count++;
        if (node->weight != 0) {
            sizes[node->zone_number]++;
            largest = MAX(largest, sizes[node->zone_number]);
        }
    }
    placement->zone_levels = largest;
    placement->zones_of_at_least = g_renew(uint32_t, placement->zones_of_at_least, largest);
    for (uint32_t k = 0; k < largest; k++) {
        placement->zones_of_at_least[k] = 0;
    }
    for (uint32_t zone = 0; zone < zone_count; zone++) {
        if (sizes[zone] != 0) {
            placement->zones_of_at_least[sizes[zone] - 1]++;
        }
    }
    for (uint32_t k = largest; k > 1; k--) {
        placement->zones_of_at_least[k - 2] += placement->zones_of_at_least[k - 1];
    }
    g_free(sizes);
    g_hash_table_unref(zones);
}

void
orr_nodes_refresh(OrrPlacement *placement)
{
    placement->total_weight = 0;
    placement->eligible = 0;
    for (uint32_t i = 0; i < placement->count; i++) {
        uint32_t weight = placement->nodes[placement->by_age[i]].weight;

        placement->total_weight += weight;
        placement->eligible += weight != 0;
    }
    rank_by_name(placement);
    number_zones(placement);
}

size_t
orr_nodes_memory_size(const OrrPlacement *placement)
{
    size_t size =
        placement->number_room * (sizeof *placement->nodes + 3 * sizeof *placement->rank) +
        placement->zone_levels * sizeof *placement->zones_of_at_least;

    for (uint32_t number = 0; number < placement->number_limit; number++) {
        /* the text again in the table, whose entries take a key, a value and a hash */
        size += 2 * placement->nodes[number].text_size + placement->nodes[number].zone_size;
    }
    return size + placement->count * (2 * sizeof(void *) + sizeof(unsigned));
}
