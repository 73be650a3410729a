/**
 * What is known of one answer, free of JSON, of HTTP and of Lua.
 *
 * The driver decodes an answer into this struct and hands it to the call. The
 * slices belong to the driver and need to live only while the machine takes the answer.
 */
#ifndef EVS_FACTS_H
#define EVS_FACTS_H

#include "base/text.h"
#include "key/profile.h"

/** A snapshot as a GET or a list showed it, or as a script passed it on. */
struct evs_snapshot {
    struct evs_str id;     /**< empty: not a string */
    struct evs_str status; /**< empty: not a string */
    struct evs_str name;   /**< empty for null */
    /** `os-extended-snapshot-attributes:project_id`; empty: not a string */
    struct evs_str project;
    struct evs_str owner;        /**< `project_id`; empty: not a string */
    bool has_owner;              /**< it is there, and not null */
    bool has_project;            /**< it is there, and not null */
    bool has_name;               /**< `name` is a string or null */
    bool lacks_name;             /**< `name` is absent */
    bool has_metadata;           /**< `metadata` is a table */
    bool lacks_metadata;         /**< `metadata` is absent */
    struct evs_str category;     /**< empty: not a string */
    bool from_server;            /**< a server showed it, and no script */
    double use_by;               /**< monotonic: a row of a list is too old after that; 0: never */
    bool foreign_chain;          /**< one of its chains has a category other than `standard` */
    bool enable_active;          /**< `metadata` has `__system__enableActive`, whatever its value */
    struct evs_str kept_because; /**< why the script's own `protect` keeps it; empty: it does not */
};

/** A page of a list, held against the snapshots that earlier pages of it showed. */
struct evs_page {
    unsigned count;                           /**< its rows */
    unsigned fresh;                           /**< those that no earlier page showed */
    bool first_known;                         /**< an earlier page showed its first row */
    struct evs_str first, last, last_but_one; /**< ids of rows; empty: there are not so many */
    struct evs_str next;                      /**< the link to the next page; empty: none */
};

/** What IAM's list of projects shows. */
struct evs_projects {
    unsigned count;
    struct evs_str id;   /**< of the first; empty: it has none */
    struct evs_str list; /**< ids and names of all, for people */
};

/** Who seems to have written an answer, by its body; each one is also all those before it. */
enum evs_speaker {
    EVS_ANYONE,
    EVS_JSON,  /**< who writes JSON objects */
    EVS_KNOWN, /**< the gateway or a service: the code stands where one of them writes it */
    EVS_ITSELF /**< EVS or OpenStack, behind the gateway's check of the key */
};

/** One answer of a server. */
struct evs_facts {
    int status; /**< HTTP status */
    enum evs_speaker speaker;
    bool has_snapshot;      /**< the body holds a `snapshot` object */
    bool has_projects;      /**< the body holds `projects`, an array */
    bool has_page;          /**< the body holds `snapshots`, an array of objects with ids */
    struct evs_str code;    /**< the error's code as text; empty: none */
    struct evs_str kind;    /**< the name of an OpenStack envelope, `itemNotFound`; empty: none */
    struct evs_str message; /**< the error's message; empty: none */
    struct evs_str request_id; /**< from the headers, else the body; empty: none */
    struct evs_str body;       /**< the body as it came, for answers that are not JSON */
    double retry_after;        /**< seconds to wait, from the answer on; negative: not given */
    unsigned replays;          /**< times the driver itself sent the request again before it */
    double date;               /**< the server's clock, seconds since 1970; negative: not given */
    struct evs_snapshot snapshot;
    struct evs_page page;
    struct evs_projects projects;
    struct evs_key_set credential; /**< the metadata service's `credential` object */
    struct evs_str expires_at;     /**< its `expires_at` */
    struct evs_str job_id;         /**< of a 202; empty: none */
};

#endif
