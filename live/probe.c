#include "probe.h"

#include <glib.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "loop.h"

static uint64_t
stopwatch_ns(void *user)
{
    (void)user;
    return (uint64_t)live_loop_mono_ns();
}

static uint64_t
resident_bytes(void)
{
    unsigned long total = 0;
    unsigned long resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");

    if (file != NULL) {
        if (fscanf(file, "%lu %lu", &total, &resident) != 2) {
            resident = 0;
        }
        (void)fclose(file);
    }
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t
microseconds(const struct timeval *time)
{
    return (uint64_t)time->tv_sec * 1000000u + (uint64_t)time->tv_usec;
}

static void
take_usage(OrrHostFacts *facts)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        facts->cpu_system_us = microseconds(&usage.ru_stime);
        facts->cpu_user_us = microseconds(&usage.ru_utime);
        facts->resident_peak_bytes = (uint64_t)usage.ru_maxrss * 1024u;
    }
}

static void
take_names(OrrHostFacts *facts, const char *config_file)
{
    struct utsname name;
    ssize_t size = readlink("/proc/self/exe", facts->executable, sizeof facts->executable - 1);

    if (size < 0) {
        facts->executable[0] = '\0';
    }
    if (uname(&name) == 0) {
        g_snprintf(facts->os, sizeof facts->os, "%s %s %s", name.sysname, name.release,
                   name.machine);
    }
    if (config_file != NULL) {
        g_strlcpy(facts->config_file, config_file, sizeof facts->config_file);
    }
    g_strlcpy(facts->multiplexing, "epoll", sizeof facts->multiplexing);
    g_strlcpy(facts->supervised, g_getenv("NOTIFY_SOCKET") != NULL ? "systemd" : "no",
              sizeof facts->supervised);
}

static void
take_facts(void *user, OrrHostFacts *facts)
{
    facts->process_id = (uint64_t)getpid();
    facts->resident_bytes = resident_bytes();
    facts->system_memory_bytes =
        (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    take_usage(facts);
    take_names(facts, user);
}

OrrHostProbe
live_probe(const char *config_file)
{
    return (OrrHostProbe){(void *)(uintptr_t)config_file, stopwatch_ns, take_facts};
}
