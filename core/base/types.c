#include <orrery/types.h>

#include <glib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

const char *
orr_status_name(OrrStatus status)
{
    switch (status) {
    case ORR_OK:
        return "ok";
    case ORR_EXISTS:
        return "exists";
    case ORR_NOT_FOUND:
        return "not found";
    case ORR_FULL:
        return "full";
    case ORR_AGAIN:
        return "again";
    case ORR_MALFORMED:
        return "malformed";
    case ORR_INVALID:
        return "invalid";
    case ORR_REFUSED:
        return "refused";
    case ORR_STALE:
        return "stale";
    case ORR_IO:
        return "i/o error";
    }
    return "unknown";
}

bool
orr_id_is_none(const OrrId *id)
{
    return orr_id_equal(id, &ORR_ID_NONE);
}

void
orr_id_format(const OrrId *id, char *text)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < ORR_ID_SIZE; i++) {
        text[2 * i] = digits[id->bytes[i] >> 4];
        text[2 * i + 1] = digits[id->bytes[i] & 15];
    }
    text[ORR_ID_HEX_SIZE] = '\0';
}

OrrStatus
orr_id_parse(OrrBytes text, OrrId *id)
{
    OrrId parsed;

    if (text.size != ORR_ID_HEX_SIZE) {
        return ORR_MALFORMED;
    }
    for (size_t i = 0; i < ORR_ID_SIZE; i++) {
        int high = g_ascii_xdigit_value((char)text.data[2 * i]);
        int low = g_ascii_xdigit_value((char)text.data[2 * i + 1]);

        if (high < 0 || low < 0) {
            return ORR_MALFORMED;
        }
        parsed.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *id = parsed;
    return ORR_OK;
}

OrrId
orr_id_of_name(OrrBytes name)
{
    XXH128_hash_t wide = XXH3_128bits(name.data, name.size);
    uint64_t rest = XXH64(name.data, name.size, wide.low64);
    OrrId id;

    for (unsigned i = 0; i < 8; i++) {
        id.bytes[i] = (uint8_t)(wide.high64 >> (56 - 8 * i));
        id.bytes[8 + i] = (uint8_t)(wide.low64 >> (56 - 8 * i));
    }
    for (unsigned i = 0; i < 4; i++) {
        id.bytes[16 + i] = (uint8_t)(rest >> (24 - 8 * i));
    }
    return id;
}

OrrAddress
orr_address_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port, uint16_t bus_port)
{
    OrrAddress address = {{0}, port, bus_port};
    const uint8_t tail[6] = {0xff, 0xff, a, b, c, d};

    memcpy(address.ip + 10, tail, sizeof tail);
    return address;
}

void
orr_address_format_ip(const OrrAddress *address, char *text)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

    if (memcmp(address->ip, mapped, sizeof mapped) == 0) {
        g_snprintf(text, ORR_ADDRESS_TEXT_SIZE, "%u.%u.%u.%u", address->ip[12], address->ip[13],
                   address->ip[14], address->ip[15]);
        return;
    }
    for (size_t i = 0; i < 8; i++) {
        unsigned group = (unsigned)address->ip[2 * i] << 8 | address->ip[2 * i + 1];

        text += g_snprintf(text, 6, i == 0 ? "%x" : ":%x", group);
    }
}

int
orr_address_compare(const OrrAddress *a, const OrrAddress *b)
{
    int order = memcmp(a->ip, b->ip, sizeof a->ip);

    return order != 0 ? order : (int)a->bus_port - (int)b->bus_port;
}

bool
orr_address_is_none(const OrrAddress *address)
{
    return address->bus_port == 0;
}

OrrStatus
orr_address_parse_ip(OrrBytes text, OrrAddress *address)
{
    uint8_t part[4];
    size_t at = 0;

    for (size_t i = 0; i < 4; i++) {
        unsigned number = 0;
        size_t begin = at;

        while (at < text.size && text.data[at] >= '0' && text.data[at] <= '9' &&
               at - begin < 3) {
            number = number * 10 + (unsigned)(text.data[at++] - '0');
        }
        if (at == begin || number > 255 ||
            (i < 3 && (at == text.size || text.data[at] != '.'))) {
            return ORR_MALFORMED;
        }
        at += i < 3;
        part[i] = (uint8_t)number;
    }
    if (at != text.size) {
        return ORR_MALFORMED;
    }
    *address = orr_address_v4(part[0], part[1], part[2], part[3], 0, 0);
    return ORR_OK;
}
