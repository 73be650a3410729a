#include "message.h"

const char *const evs_request_id_headers[] = {"x-request-id", "x-openstack-request-id",
                                              "x-iam-trace-id", NULL};

void evs_request_free(struct evs_request *request)
{
    evs_buf_free(&request->url);
    evs_buf_free(&request->headers);
    evs_buf_free(&request->path);
    evs_buf_free(&request->query);
    evs_buf_free(&request->authorization);
}
