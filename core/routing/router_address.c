/* Addresses as cluster nodes write them: "127.0.0.1:7000", "2001:db8::1:7000", ":7000". */
#include "routing/router_state.h"

#include "wire/decimal.h"

#define GROUPS 8u /* of 16 bits, in an IPv6 address */

static bool
parse_v4(OrrBytes text, uint8_t *ip)
{
    size_t start = 0;

    for (unsigned part = 0; part < 4; part++) {
        size_t end = start;
        int64_t value = 0;

        while (end < text.size && text.data[end] != '.') {
            end++;
        }
        if (!orr_decimal_read(orr_bytes(text.data + start, end - start), &value) || value < 0 ||
            value > 255 || (part < 3) != (end < text.size)) {
            return false;
        }
        ip[part] = (uint8_t)value;
        start = end + 1;
    }
    return true;
}

/* One group of hex digits from *at; false if there is none or it is longer than four. */
static bool
parse_group(OrrBytes text, size_t *at, uint8_t *out)
{
    unsigned value = 0;
    size_t start = *at;

    while (*at < text.size && g_ascii_isxdigit((char)text.data[*at])) {
        value = value << 4 | (unsigned)g_ascii_xdigit_value((char)text.data[*at]);
        if (++*at - start > 4) {
            return false;
        }
    }
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
    return *at > start;
}

static bool
at_pair_of_colons(OrrBytes text, size_t at)
{
    return at + 1 < text.size && text.data[at] == ':' && text.data[at + 1] == ':';
}

/* "::" stands for as many groups of zeros as are missing. The form with dots at the end is not
 * read: nodes do not write it. */
static bool
parse_v6(OrrBytes text, uint8_t *ip)
{
    uint8_t groups[GROUPS * 2] = {0};
    size_t count = 0;
    size_t gap = GROUPS + 1;
    size_t at = 0;

    if (at_pair_of_colons(text, 0)) {
        gap = 0;
        at = 2;
    }
    while (at < text.size) {
        if (count == GROUPS || !parse_group(text, &at, groups + count * 2)) {
            return false;
        }
        count++;
        if (at_pair_of_colons(text, at) && gap > GROUPS) {
            gap = count;
            at += 2;
        } else if (at < text.size && (text.data[at] != ':' || ++at == text.size)) {
            return false;
        }
    }
    if ((gap > GROUPS) != (count == GROUPS)) {
        return false;
    }
    size_t head = MIN(gap, count);
    size_t tail = count - head;

    memset(ip, 0, sizeof groups);
    memcpy(ip, groups, head * 2);
    memcpy(ip + (GROUPS - tail) * 2, groups + head * 2, tail * 2);
    return true;
}

/* An empty host means that of `self`, the node that said so. A name is refused: the core
 * resolves none. */
bool
orr_router_address_parse(OrrBytes host, int64_t port, const OrrAddress *self,
                         OrrAddress *address)
{
    OrrAddress parsed = orr_address_v4(0, 0, 0, 0, 0, 0);

    if (port < 1 || port > UINT16_MAX) {
        return false;
    }
    if (host.size >= 2 && host.data[0] == '[' && host.data[host.size - 1] == ']') {
        host = orr_bytes(host.data + 1, host.size - 2);
    }
    if (host.size == 0) {
        memcpy(parsed.ip, self->ip, sizeof parsed.ip);
    } else if (!parse_v4(host, parsed.ip + 12) && !parse_v6(host, parsed.ip)) {
        return false;
    }
    parsed.port = (uint16_t)port;
    *address = parsed;
    return true;
}

bool
orr_router_address_parse_pair(OrrBytes text, const OrrAddress *self, OrrAddress *address)
{
    size_t colon = text.size;
    int64_t port = 0;

    while (colon > 0 && text.data[colon - 1] != ':') {
        colon--;
    }
    if (colon == 0 ||
        !orr_decimal_read(orr_bytes(text.data + colon, text.size - colon), &port)) {
        return false;
    }
    return orr_router_address_parse(orr_bytes(text.data, colon - 1), port, self, address);
}
