#include "fault.h"

GQuark
sim_fault_quark(void)
{
    return g_quark_from_static_string("sim-fault");
}

char *
sim_fault_read_file(const char *path, size_t *size, GError **error)
{
    g_autoptr(GError) cause = NULL;
    char *text = NULL;
    gsize length = 0;

    if (g_file_get_contents(path, &text, &length, &cause)) {
        *size = length;
        return text;
    }
    if (g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_IO)) {
        g_set_error(error, SIM_FAULT, SIM_FAULT_IO, "%s: %s", path, cause->message);
    } else {
        g_set_error(error, SIM_FAULT, SIM_FAULT_NO_FILE, "%s: %s", path, cause->message);
    }
    return NULL;
}
