#include "api.h"

#include <string.h>

/* Sources: EVS's API reference, "EVS snapshots (legacy)" and "Standard snapshots"; OpenStack
 * Block Storage API v3. A generation that is added here needs its views in the emulator, and
 * nothing in the calls. */
static const struct evs_api apis[] = {
    {
        .name = "v2",
        .snapshots = {EVS_STR("/v2/"), EVS_STR("/cloudsnapshots/"), "snapshots", EVS_BY_LINK},
        .volumes = {EVS_STR("/v2/"), EVS_STR("/cloudvolumes/"), "volumes", EVS_BY_LINK},
        .filters = "availability_zone dedicated_storage_id dedicated_storage_name "
                   "enterprise_project_id id limit name service_type status volume_id",
        .id_list = EVS_IDS_REPEATED,
    },
    {
        .name = "v5",
        .snapshots = {EVS_STR("/v5/"), EVS_STR("/snapshots/"), "snapshots", EVS_BY_MARKER},
        .volumes = {EVS_STR("/v2/"), EVS_STR("/cloudvolumes/"), "volumes", EVS_BY_LINK},
        .filters = "availability_zone enterprise_project_id id limit name snapshot_chain_id "
                   "snapshot_group_id snapshot_type status tag_key tags volume_id",
        .id_list = EVS_IDS_JOINED,
        .bare = true,
        .category = true,
        .names_job = true,
    },
    {
        .name = "cinder",
        .snapshots = {EVS_STR("/v3/"), EVS_STR("/snapshots/"), "snapshots", EVS_BY_LINK},
        .volumes = {EVS_STR("/v3/"), EVS_STR("/volumes/"), "volumes", EVS_BY_LINK},
        .filters = "limit name status volume_id",
        .id_list = EVS_IDS_NEVER,
    },
};

const char *const evs_api_names = "v2, v5 or cinder";

#define FILTER_NAME(name, text) text,
static const char *const filter_names[] = {EVS_FILTERS(FILTER_NAME)};
#undef FILTER_NAME

const char *evs_filter_text(enum evs_filter filter)
{
    return filter_names[filter];
}

enum evs_filter evs_filter_parse(struct evs_str name)
{
    int filter = 0;

    while (filter < EVS_FILTER_COUNT && !evs_str_equal(name, evs_str(filter_names[filter])))
        filter++;
    if (filter == EVS_FILTER_OFFSET || filter == EVS_FILTER_MARKER)
        return EVS_FILTER_COUNT; /* these are ours */
    return (enum evs_filter)filter;
}

const struct evs_api *evs_api_find(struct evs_str name)
{
    if (name.len == 0)
        return &apis[0];
    for (size_t i = 0; i < sizeof apis / sizeof *apis; i++)
        if (evs_str_equal(name, evs_str(apis[i].name)))
            return &apis[i];
    return NULL;
}

bool evs_api_filters(const struct evs_api *api, enum evs_filter filter)
{
    return evs_str_is_among(evs_str(filter_names[filter]), api->filters);
}

bool evs_api_is_complete(const struct evs_api *api, const struct evs_snapshot *snapshot)
{
    bool named = snapshot->has_name || (api->bare && snapshot->lacks_name);
    bool described = snapshot->has_metadata || (api->bare && snapshot->lacks_metadata);

    return snapshot->id.len > 0 && snapshot->status.len > 0 && named && described &&
           (snapshot->from_server || !api->category || snapshot->category.len > 0);
}

void evs_api_add_ids(const struct evs_api *api, struct evs_buf *query, const struct evs_str *ids,
                     size_t count)
{
    bool joined = api->id_list == EVS_IDS_JOINED;

    for (size_t i = 0; i < count; i++) {
        if (i > 0 && joined)
            evs_buf_add(query, EVS_STR("%2C"));
        else
            evs_buf_add(query, joined ? EVS_STR("ids=") : i > 0 ? EVS_STR("&id=") : EVS_STR("id="));
        evs_buf_add_escaped(query, ids[i]);
    }
}
