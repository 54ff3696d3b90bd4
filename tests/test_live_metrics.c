/* INFO, also when it is not as it should be, becomes figures that Prometheus can read. */
#include "check.h"

#include <string.h>

#include "metrics.h"

static bool
has_line(const GString *text, const char *line)
{
    g_autofree char *wanted = g_strdup_printf("\n%s\n", line);

    return strstr(text->str, wanted) != NULL;
}

static GString *
figures_of(const char *info)
{
    GString *text = g_string_new("\n");

    live_metrics_of_info(info, text);
    return text;
}

/* Numbers keep their value, sections and unknown fields are passed over. */
static void
test_fields_become_figures(void)
{
    GString *text = figures_of("# Server\r\nuptime_in_seconds:17\r\nsomething:else\r\n\r\n"
                               "# Memory\r\nused_memory:123456789012\r\nmaxmemory:0\r\n"
                               "# Keyspace\r\ndb0:keys=5,expires=2,avg_ttl=0\r\n");

    T_TRUE(has_line(text, "redis_up 1"));
    T_TRUE(has_line(text, "redis_uptime_in_seconds 17"));
    T_TRUE(has_line(text, "redis_memory_used_bytes 123456789012"));
    T_TRUE(has_line(text, "redis_memory_max_bytes 0"));
    T_TRUE(has_line(text, "redis_db_keys{db=\"db0\"} 5"));
    T_TRUE(has_line(text, "redis_db_keys_expiring{db=\"db0\"} 2"));
    T_TRUE(strstr(text->str, "something") == NULL);
    T_TRUE(strstr(text->str, "redis_master_link_up") == NULL); /* a primary has none */
    g_string_free(text, TRUE);
}

/* A database without keys is still there, with none. */
static void
test_no_keys_are_zero(void)
{
    GString *text = figures_of("# Keyspace\r\n");

    T_TRUE(has_line(text, "redis_db_keys{db=\"db0\"} 0"));
    g_string_free(text, TRUE);
}

/* Words become 1 or 0, replicas become labels. */
static void
test_words_and_replicas(void)
{
    GString *text = figures_of("master_link_status:down\r\naof_last_write_status:ok\r\n"
                               "connected_slaves:1\r\nslave_repl_offset:7\r\n"
                               "slave0:ip=10.0.0.4,port=7004,state=online,offset=99,lag=1\r\n");

    T_TRUE(has_line(text, "redis_master_link_up 0"));
    T_TRUE(has_line(text, "redis_aof_last_write_status 1"));
    T_TRUE(has_line(text, "redis_slave_repl_offset 7"));
    T_TRUE(has_line(text, "redis_connected_slave_offset_bytes{slave_ip=\"10.0.0.4\","
                          "slave_port=\"7004\",slave_state=\"online\"} 99"));
    g_string_free(text, TRUE);
}

/* What is no number yields no line, and quotes in a text cannot end a label. */
static void
test_odd_values_do_no_harm(void)
{
    GString *text = figures_of("uptime_in_seconds:soon\r\nused_memory:\r\nmaxmemory:12x\r\n"
                               "redis_version:7\"} 1\r\ndb0:keys=,expires\r\nnocolon\r\n:\r\n"
                               "slave0:ip=,port\r\nos:a\\b");

    T_TRUE(strstr(text->str, "redis_uptime_in_seconds") == NULL);
    T_TRUE(strstr(text->str, "redis_memory") == NULL);
    T_TRUE(strstr(text->str, "redis_version=\"7\\\"} 1\"") != NULL);
    T_TRUE(strstr(text->str, "os=\"a\\\\b\"") != NULL);
    g_string_free(text, TRUE);
    text = figures_of("");
    T_TRUE(has_line(text, "redis_up 1"));
    g_string_free(text, TRUE);
}

/* A number is written so that no digit that counts is lost, and without a locale's comma. */
static void
test_numbers(void)
{
    GString *text = g_string_new("\n");

    live_metric_line(text, "a", NULL, 9007199254740000.0);
    live_metric_line(text, "b", "x=\"y\"", 0.000123456789);
    live_metric_line(text, "c", "", -3);
    T_TRUE(has_line(text, "a 9.00719925e+15") || has_line(text, "a 9007199254740000"));
    T_TRUE(has_line(text, "b{x=\"y\"} 0.000123456789"));
    T_TRUE(has_line(text, "c -3"));
    g_string_free(text, TRUE);
}

static const Test TESTS[] = {
    TEST(test_fields_become_figures),
    TEST(test_no_keys_are_zero),
    TEST(test_words_and_replicas),
    TEST(test_odd_values_do_no_harm),
    TEST(test_numbers),
};

T_MAIN("live_metrics", TESTS)
