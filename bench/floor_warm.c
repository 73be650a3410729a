/*
 * The floor of a warm deletion: what libcurl itself costs.
 *
 *     floor_warm URL COUNT HEADERS [CA_FILE]
 *
 * One easy handle; everything is set before the loop, the loop only performs. The request is the
 * same every time, a signature made beforehand included. HEADERS is a file with the lines to send.
 * There is no time limit: libcurl's timers cost 2 % of a request.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t drop(char *data, size_t size, size_t count, void *userdata)
{
    (void)data, (void)userdata;
    return size * count;
}

static void fail(const char *what)
{
    fprintf(stderr, "floor_warm: %s\n", what);
    exit(1);
}

static struct curl_slist *read_headers(const char *path)
{
    FILE *file = fopen(path, "r");
    struct curl_slist *list = NULL;
    char line[4096];

    if (!file)
        fail(path);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\r\n")] = '\0';
        list = curl_slist_append(list, line);
    }
    fclose(file);
    return list;
}

int main(int argc, char **argv)
{
    struct curl_slist *headers;
    CURL *easy;
    long count, status = 0;

    if (argc < 4)
        fail("usage: floor_warm URL COUNT HEADERS [CA_FILE]");
    curl_global_init(CURL_GLOBAL_DEFAULT);
    easy = curl_easy_init();
    headers = read_headers(argv[3]);
    curl_easy_setopt(easy, CURLOPT_URL, argv[1]);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "DELETE");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L); /* saves two system calls */
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* this and the next save looks at the environment */
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    if (argc > 4)
        curl_easy_setopt(easy, CURLOPT_CAINFO, argv[4]);
    for (count = atol(argv[2]); count > 0; count--)
        if (curl_easy_perform(easy) != CURLE_OK)
            fail("no answer");
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
    if (status != 202)
        fail("the answer was not 202");
    return 0;
}
