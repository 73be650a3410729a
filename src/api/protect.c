#include "protect.h"

/* Backups own these snapshots: deleting one breaks the backup that needs it. Behind a prefix stands
 * `vbs_` or `csbs_`, the service that made the backup. */
const char *evs_protected(const struct evs_snapshot *snapshot)
{
    if (evs_str_starts(snapshot->name, EVS_STR("autobk_snapshot_")))
        return "its name begins with autobk_snapshot_";
    if (evs_str_starts(snapshot->name, EVS_STR("manualbk_snapshot_")))
        return "its name begins with manualbk_snapshot_";
    if (snapshot->enable_active)
        return "its metadata has __system__enableActive";
    if (snapshot->category.len > 0 && !evs_str_is_among(snapshot->category, "standard flash"))
        return "its category is neither standard nor flash";
    if (snapshot->foreign_chain)
        return "it is on a chain whose category is not standard";
    return NULL;
}
