/*
 * The floor for many deletions at once: a curl multi loop that sends DELETEs with a fixed
 * signature, on easy handles set up before the loop, and looks at nothing but the status.
 *
 *   floor_concurrent URL_PREFIX COUNT CONCURRENCY HTTP2 [CA_FILE]
 *
 * URL_PREFIX is a snapshot's URL up to its id; HTTP2 is 1 to offer it over TLS, 0 for HTTP/1.1
 * only. One request goes ahead, as the one that proves a key does. Prints the seconds that the
 * COUNT requests took, the CPU's seconds among them, and how many were answered with 202.
 *
 *   cc -O2 -o floor_concurrent bench/floor_concurrent.c -lcurl
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <curl/curl.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

enum { POLL_MS = 1000, URL_SIZE = 512 };

struct floor {
    CURLM *multi;
    CURL **handles;
    struct curl_slist *headers;
    const char *prefix, *ca_file;
    long count, concurrency, started, ended, accepted;
    int http2;
};

static void fail(const char *what)
{
    fprintf(stderr, "floor_concurrent: %s\n", what);
    exit(1);
}

/* The same lines and nearly the same bytes as the module's. */
static struct curl_slist *fixed_headers(void)
{
    static const char *const lines[] = {
        "User-Agent: lua-evs/0.1.0",
        "Accept: application/json",
        "Content-Type: application/json",
        "X-Project-Id: 0123456789abcdef0123456789abcdef",
        "X-Sdk-Date: 20260821T010203Z",
        "Authorization: SDK-HMAC-SHA256 Access=EMULATORAK0000000001, "
        "SignedHeaders=host;x-project-id;x-sdk-date, "
        "Signature=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    };
    struct curl_slist *list = NULL;

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        list = curl_slist_append(list, lines[i]);
    return list;
}

static size_t ignore_body(char *data, size_t size, size_t count, void *userdata)
{
    (void)data, (void)userdata;
    return size * count;
}

static CURL *new_handle(const struct floor *f, long number)
{
    CURL *easy = curl_easy_init();
    char url[URL_SIZE];

    if (!easy)
        fail("no memory");
    snprintf(url, sizeof url, "%s32c9db23-7632-48cf-bfba-%012ld", f->prefix, number);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "DELETE");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, f->headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore_body);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                     f->http2 ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
    if (f->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, f->ca_file);
    return easy;
}

static void start(struct floor *f, CURL *easy)
{
    if (curl_multi_add_handle(f->multi, easy) != CURLM_OK)
        fail("curl_multi_add_handle");
    f->started++;
}

/* Count what has ended, and start the next request on its handle. */
static void collect(struct floor *f)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(f->multi, &left))) {
        CURL *easy = message->easy_handle;
        long status = 0;

        if (message->msg != CURLMSG_DONE)
            continue;
        if (message->data.result != CURLE_OK)
            fail(curl_easy_strerror(message->data.result));
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        f->accepted += status == 202;
        f->ended++;
        curl_multi_remove_handle(f->multi, easy);
        if (f->started < f->count)
            start(f, easy);
    }
}

static void run(struct floor *f, long count)
{
    int running;

    f->count = count;
    f->started = f->ended = f->accepted = 0;
    for (long i = 0; i < f->concurrency && i < count; i++)
        start(f, f->handles[i]);
    while (f->ended < count) {
        curl_multi_perform(f->multi, &running);
        collect(f);
        if (f->ended < count)
            curl_multi_poll(f->multi, NULL, 0, POLL_MS, NULL);
    }
}

static double wall(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cpu(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
    struct floor f = {0};
    double began_at, cpu_before;

    if (argc < 5)
        fail("usage: floor_concurrent URL_PREFIX COUNT CONCURRENCY HTTP2 [CA_FILE]");
    f.prefix = argv[1];
    f.concurrency = atol(argv[3]);
    f.http2 = atoi(argv[4]);
    f.ca_file = argc > 5 ? argv[5] : NULL;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    f.multi = curl_multi_init();
    f.headers = fixed_headers();
    f.handles = calloc((size_t)f.concurrency, sizeof(CURL *));
    if (!f.multi || !f.headers || !f.handles)
        fail("no memory");
    for (long i = 0; i < f.concurrency; i++)
        f.handles[i] = new_handle(&f, i);
    run(&f, 1);
    began_at = wall();
    cpu_before = cpu();
    run(&f, atol(argv[2]));
    printf("%.6f %.6f %ld\n", wall() - began_at, cpu() - cpu_before, f.accepted);
    for (long i = 0; i < f.concurrency; i++)
        curl_easy_cleanup(f.handles[i]);
    curl_multi_cleanup(f.multi);
    curl_slist_free_all(f.headers);
    free(f.handles);
    return 0;
}
