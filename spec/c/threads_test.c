/* sanitize: thread */
/*
 * Many threads, a Lua state in each, one process: what OpenResty's worker threads do. Every thread
 * loads the module, makes clients and deletes, all at the same time, through a server in this
 * process.
 */
#include <arpa/inet.h>
#include <lauxlib.h>
#include <lualib.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { THREADS = 8, CALLS = 40 };

int luaopen_evs(lua_State *L);
int luaopen_evs_safe(lua_State *L);

static int listener, port;

/* Answers every request on one connection with 202 until the other side closes it. */
static void *serve(void *argument)
{
    static const char answer[] = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
    int fd = (int)(long)argument;
    char request[8192];
    size_t len = 0;
    ssize_t got;

    while ((got = read(fd, request + len, sizeof request - 1 - len)) > 0) {
        len += (size_t)got;
        request[len] = '\0';
        if (strstr(request, "\r\n\r\n")) {
            if (write(fd, answer, sizeof answer - 1) < 0)
                break;
            len = 0;
        }
    }
    close(fd);
    return NULL;
}

static void *accept_all(void *argument)
{
    (void)argument;
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        pthread_t thread;

        if (fd < 0)
            return NULL;
        pthread_create(&thread, NULL, serve, (void *)(long)fd);
        pthread_detach(thread);
    }
}

static void start_server(pthread_t *thread)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;

    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 64) != 0)
        exit(2);
    getsockname(listener, (struct sockaddr *)&address, &len);
    port = ntohs(address.sin_port);
    pthread_create(thread, NULL, accept_all, NULL);
}

static const char script[] =
    "local evs, safe, endpoint, calls = ...\n"
    "local client = assert(evs.new{endpoint = endpoint, ak = 'AK', sk = 'SK'})\n"
    "local other = assert(safe.new{endpoint = endpoint, token = 'TOKEN'})\n"
    "for i = 1, calls do\n"
    "  assert(client:delete_snapshot('p', 'id' .. i, {guard = false}) == true)\n"
    "  assert(other:delete_snapshot('p', 'id' .. i, {guard = false}) == true)\n"
    "  assert(evs.sign{method = 'GET', url = 'https://h/', ak = 'a', sk = 's'}.Authorization)\n"
    "  assert(#evs.info().libcurl > 0)\n"
    "end\n"
    "client:close()\n";

/* 0 when every call of this thread went well. */
static void *run(void *argument)
{
    lua_State *L = luaL_newstate();
    char endpoint[64];
    long failed;

    (void)argument;
    luaL_openlibs(L);
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d", port);
    failed = luaL_loadstring(L, script);
    lua_pushcfunction(L, luaopen_evs);
    lua_call(L, 0, 1);
    lua_pushcfunction(L, luaopen_evs_safe);
    lua_call(L, 0, 1);
    lua_pushstring(L, endpoint);
    lua_pushinteger(L, CALLS);
    failed = failed || lua_pcall(L, 4, 0, 0);
    if (failed)
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
    lua_close(L);
    return (void *)failed;
}

int main(void)
{
    pthread_t server, threads[THREADS];
    int failures = 0;

    start_server(&server);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, run, NULL);
    for (int i = 0; i < THREADS; i++) {
        void *failed;

        pthread_join(threads[i], &failed);
        failures += failed != NULL;
    }
    printf("%d threads, %d calls each, %d failed\n", THREADS, 2 * CALLS, failures);
    return failures != 0;
}
