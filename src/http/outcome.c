#include "http_internal.h"

#include <string.h>
#include <strings.h>

/* --- failures --------------------------------------------------------------------------------- */

void evs_transfer_fail(struct evs_transfer *t, const struct evs_failure *failure)
{
    t->finished = true;
    t->answer.status = 0;
    t->answer.failure = *failure;
    t->answer.failure.sent = t->writes > 0;
}

/* One of ours, which another try may not meet. */
static void fail(struct evs_transfer *t, enum evs_code code, const char *message)
{
    const struct evs_failure failure = {.code = code, .message = evs_str(message), .passing = true};

    evs_transfer_fail(t, &failure);
}

/* What `text` has up to the first of the bytes in `ends`. */
static struct evs_str until(struct evs_str text, const char *ends)
{
    size_t len = 0;

    while (len < text.len && !strchr(ends, text.data[len]))
        len++;
    return (struct evs_str){text.data, len};
}

/* What follows the last `mark` in `text`; all of it where there is none. */
static struct evs_str after_last(struct evs_str text, char mark)
{
    size_t at = text.len;

    while (at > 0 && text.data[at - 1] != mark)
        at--;
    return (struct evs_str){text.data + at, text.len - at};
}

/* Host and port of a URL, without what stands before an @: a user and a password. */
static struct evs_str authority(const char *url)
{
    const char *mark = strstr(url, "://");

    return until(after_last(evs_str(mark ? mark + 3 : url), '@'), "/");
}

/* The proxy by host and port; empty: the request does not go through one. */
static struct evs_str proxy_of(const struct evs_transfer *t)
{
    const char *proxy = t->http->settings.proxy;

    return t->tls && proxy && *proxy ? authority(proxy) : (struct evs_str){0};
}

/* Whether libcurl's text names the proxy's host. */
static bool is_about_proxy(const struct evs_transfer *t)
{
    struct evs_str proxy = proxy_of(t);
    struct evs_str host = proxy.len > 0 && proxy.data[0] == '['
                              ? until((struct evs_str){proxy.data + 1, proxy.len - 1}, "]")
                              : until(proxy, ":");

    for (const char *at = t->text; host.len > 0 && (at = strchr(at, host.data[0])); at++)
        if (strncmp(at, host.data, host.len) == 0)
            return true;
    return false;
}

/* Write `what`, `who` and `text` one after the other; where memory ends, `text` alone. */
static struct evs_str compose(struct evs_transfer *t, const char *what, struct evs_str who,
                              const char *text)
{
    const struct evs_str parts[] = {evs_str(what), who, EVS_STR(": "), evs_str(text)};

    evs_buf_reset(&t->message);
    evs_buf_add_all(&t->message, parts, sizeof parts / sizeof *parts);
    return t->message.failed ? evs_str(text) : evs_buf_str(&t->message);
}

/* --- what libcurl says ------------------------------------------------------------------------ */

/* The first row counts whose result it is and whose words libcurl's text has. `final`: no other
 * try helps. */
static const struct {
    CURLcode result;
    const char *words;
    enum evs_code code;
    enum evs_hint hint;
    bool final;
} meanings[] = {
    {CURLE_COULDNT_RESOLVE_PROXY, "", EVS_PROXY, EVS_HINT_NONE, false},
    {CURLE_COULDNT_RESOLVE_HOST, "resolve proxy", EVS_PROXY, EVS_HINT_NONE, false}, /* by 8.x */
    {CURLE_COULDNT_RESOLVE_HOST, "", EVS_RESOLVE, EVS_HINT_NONE, false},
    {CURLE_COULDNT_CONNECT, "", EVS_CONNECT, EVS_HINT_NONE, false},
    {CURLE_INTERFACE_FAILED, "", EVS_CONNECT, EVS_HINT_NONE, false},
    {CURLE_OPERATION_TIMEDOUT, "", EVS_TIMEOUT, EVS_HINT_NONE, false},
    /* OpenSSL's words, and GnuTLS's */
    {CURLE_SSL_CONNECT_ERROR, "wrong version number", EVS_TLS, EVS_HINT_NOT_TLS, false},
    {CURLE_SSL_CONNECT_ERROR, "unexpected TLS packet", EVS_TLS, EVS_HINT_NOT_TLS, false},
    {CURLE_SSL_CONNECT_ERROR, "", EVS_TLS, EVS_HINT_NONE, false},
    {CURLE_PEER_FAILED_VERIFICATION, "subject name", EVS_TLS, EVS_HINT_CERTIFICATE_HOST, true},
    {CURLE_PEER_FAILED_VERIFICATION, "does not match", EVS_TLS, EVS_HINT_CERTIFICATE_HOST, true},
    {CURLE_PEER_FAILED_VERIFICATION, "expired", EVS_TLS, EVS_HINT_CERTIFICATE_TIME, true},
    {CURLE_PEER_FAILED_VERIFICATION, "not yet valid", EVS_TLS, EVS_HINT_CERTIFICATE_TIME, true},
    {CURLE_PEER_FAILED_VERIFICATION, "", EVS_TLS, EVS_HINT_NONE, true},
    {CURLE_SSL_CACERT_BADFILE, "", EVS_TLS, EVS_HINT_CA_FILE, true},
    {CURLE_SSL_CERTPROBLEM, "", EVS_TLS, EVS_HINT_NONE, true},
    {CURLE_SSL_CIPHER, "", EVS_TLS, EVS_HINT_NONE, true},
    {CURLE_SSL_ISSUER_ERROR, "", EVS_TLS, EVS_HINT_NONE, true},
    {CURLE_SSL_ENGINE_NOTFOUND, "", EVS_TLS, EVS_HINT_NONE, true},
#if LIBCURL_VERSION_NUM >= 0x074900
    {CURLE_PROXY, "", EVS_PROXY, EVS_HINT_NONE, false}, /* 7.73: what speaks SOCKS said no */
#endif
    /* "HTTP/1.1 banana" */
    {CURLE_UNSUPPORTED_PROTOCOL, "", EVS_BAD_RESPONSE, EVS_HINT_NONE, false},
    {CURLE_WEIRD_SERVER_REPLY, "", EVS_BAD_RESPONSE, EVS_HINT_NONE, false},
    {CURLE_BAD_CONTENT_ENCODING, "", EVS_BAD_RESPONSE, EVS_HINT_NONE, false},
    {CURLE_OK, "", EVS_NETWORK, EVS_HINT_NONE, false}, /* any other */
};

static struct evs_failure meaning_of(CURLcode result, const char *text)
{
    size_t i = 0;

    while (meanings[i].result != CURLE_OK &&
           (meanings[i].result != result || !strstr(text, meanings[i].words)))
        i++;
    return (struct evs_failure){
        .code = meanings[i].code, .hint = meanings[i].hint, .passing = !meanings[i].final};
}

/* A proxy's no to CONNECT: its status, or 0. */
static long proxy_refusal(const struct evs_transfer *t)
{
    long status = 0;

    curl_easy_getinfo(t->easy, CURLINFO_HTTP_CONNECTCODE, &status);
    return t->writes == 0 && status >= 300 ? status : 0;
}

/* Whether the TLS that failed is the proxy's own: there is no tunnel yet. */
static bool is_proxys_tls(const struct evs_transfer *t)
{
    const char *proxy = t->http->settings.proxy;
    long status = 0;

    curl_easy_getinfo(t->easy, CURLINFO_HTTP_CONNECTCODE, &status);
    return t->tls && status == 0 && proxy && strncasecmp(proxy, "https://", 8) == 0;
}

/* Name who it is about: the host, or the proxy. */
static struct evs_str describe(struct evs_transfer *t, enum evs_code code, const char *text)
{
    if (code == EVS_PROXY || (code == EVS_CONNECT && is_about_proxy(t)) ||
        (code == EVS_TLS && is_proxys_tls(t)))
        return compose(t, "the proxy ", proxy_of(t), text);
    if (code == EVS_CONNECT)
        return compose(t, "connecting to ", authority(t->request->url.data), text);
    if (code == EVS_TLS)
        return compose(t, "TLS with ", authority(t->request->url.data), text);
    return evs_str(text);
}

/* Whether the header of the server's answer, or of a proxy's, was over libcurl's limits: in all, or
 * (before 8.6 as out of memory) in one line. */
static bool is_too_large(const struct evs_transfer *t, CURLcode result)
{
    const CURLcode too_large = 100; /* CURLE_TOO_LARGE, whichever libcurl the headers are of */

    if (result == CURLE_RECV_ERROR)
        return strstr(t->text, "response headers") || strstr(t->text, "response too large");
    return result == too_large || (result == CURLE_OUT_OF_MEMORY && t->writes > 0);
}

static void fail_as_libcurl_says(struct evs_transfer *t, CURLcode result)
{
    const char *text = t->text[0] ? t->text : curl_easy_strerror(result);
    struct evs_failure failure = meaning_of(result, text);
    long refusal = proxy_refusal(t);

    if (refusal > 0) {
        failure.code = EVS_PROXY;
        failure.hint = refusal == 407 ? EVS_HINT_PROXY_LOGIN : EVS_HINT_NONE;
        failure.passing = refusal >= 502 && refusal <= 504; /* about the moment */
    } else if (failure.code == EVS_CONNECT && is_about_proxy(t)) {
        failure.hint = EVS_HINT_PROXY;
    } else if (is_too_large(t, result)) {
        failure.code = t->writes > 0 ? EVS_BAD_RESPONSE : EVS_PROXY;
        text = "the answer's header is too large";
    }
    failure.message = describe(t, failure.code, text);
    evs_transfer_fail(t, &failure);
}

/* --- time that is over ------------------------------------------------------------------------ */

/* Our own timers: they cost less than libcurl's, and a connection that takes too long can be
 * told from an answer that does. */
double evs_transfer_expires(const struct evs_transfer *t)
{
    return t->writes == 0 && t->connect_deadline < t->deadline ? t->connect_deadline : t->deadline;
}

static void fail_unconnected(struct evs_transfer *t)
{
    struct evs_str proxy = proxy_of(t);
    bool proxied = proxy.len > 0 && !evs_str(t->http->settings.no_proxy).len;
    struct evs_failure failure = {.code = EVS_TIMEOUT, .passing = true};

    failure.message = compose(t, proxied ? "connecting by way of the proxy " : "connecting to ",
                              proxied ? proxy : authority(t->request->url.data),
                              "no connection came about in time");
    evs_transfer_fail(t, &failure);
}

void evs_transfer_expire(struct evs_transfer *t, double now)
{
    if (!t->running || t->finished || now < evs_transfer_expires(t))
        return;
    if (t->writes > 0)
        fail(t, EVS_TIMEOUT, "no answer came in time");
    else
        fail_unconnected(t);
}

void evs_transfer_expire_unsent(struct evs_transfer *t)
{
    fail(t, EVS_TIMEOUT, "no time was left to send the request");
}

/* --- requests that libcurl would send again --------------------------------------------------- */

/* Whether the server refused the HTTP/2 stream unread: by REFUSED_STREAM, or by GOAWAY with a
 * lower last id. libcurl does not tell, but sends the request again, which it otherwise does with
 * one that was lost. Of what is lost it wrote a text (since 8.19 it then makes that empty, but the
 * second byte shows it), or has noted (before 8.0) that reading began, or (since 8.7) does not send
 * it again; in between only on a connection of its own it does not. */
static bool was_refused(const struct evs_transfer *t)
{
    double reading = 0;

    curl_easy_getinfo(t->easy, CURLINFO_STARTTRANSFER_TIME, &reading);
    if (!t->tls || t->http1 || t->head.bytes > 0 || reading > 0)
        return false;
    if (t->text[0] || t->text[1] != EVS_UNTOUCHED)
        return false;
    return !t->http->replays_lost || !t->reused;
}

static void finish_refused(struct evs_transfer *t)
{
    t->writes = 0;
    fail(t, EVS_NETWORK, "the server refused the request's HTTP/2 stream unread");
}

void evs_transfer_stop_replay(struct evs_transfer *t)
{
    if (t->finished)
        return;
    if (was_refused(t)) {
        finish_refused(t);
        return;
    }
    t->writes = 1; /* the second was stopped before it was written */
    fail(t, EVS_NETWORK, t->text[0] ? t->text : "the connection was closed without an answer");
}

void evs_transfer_set_fresh(struct evs_transfer *t, bool fresh)
{
    if (t->fresh != fresh)
        curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, fresh ? 1L : 0L);
    t->fresh = fresh;
}

/* HTTP/1 answered: the connection is not shared. */
static void note_http1(const struct evs_transfer *t)
{
    struct evs_socket *socket = evs_http_socket(t->http, t->fd);

    if (socket)
        socket->http1 = true;
}

/* Nothing was sent; start over, on a connection of its own. */
static bool start_afresh(struct evs_transfer *t)
{
    t->stale = false;
    curl_multi_remove_handle(t->http->multi, t->easy);
    evs_transfer_set_fresh(t, true);
    return curl_multi_add_handle(t->http->multi, t->easy) == CURLM_OK;
}

/* --- the end ---------------------------------------------------------------------------------- */

/* Why a transfer that libcurl is content with has no answer; NULL: it has one. */
static const char *fault_of(const struct evs_transfer *t, int status, enum evs_code *code)
{
    *code = EVS_BAD_RESPONSE;
    if (t->head.fault)
        return t->head.fault;
    if (status < 200 && t->head.ended)
        return "no answer came but one that announces another";
    *code = EVS_NETWORK;
    return t->head.ended ? NULL : "the connection was closed inside the answer's header";
}

/* libcurl has read the answer, or as much of it as is wanted. */
static void finish_read(struct evs_transfer *t)
{
    enum evs_code code;
    long status = 0;
    const char *fault;

    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    fault = fault_of(t, (int)status, &code);
    if (fault) {
        fail(t, t->writes > 0 ? code : EVS_PROXY, fault);
        return;
    }
    t->answer.status = (int)status;
    t->finished = true;
    t->worn = false;
}

void evs_transfer_finish(struct evs_transfer *t, CURLcode result)
{
    if (t->stale && start_afresh(t))
        return;
    evs_transfer_set_fresh(t, false);
    if (t->head.http1)
        note_http1(t);
    t->answer.body = evs_buf_str(&t->body);
    t->answer.body_cut = t->body.failed;
    t->answer.replays = t->writes > 1 ? t->writes - 1 : 0;
    if (result == CURLE_OK || t->head.fault || (result == CURLE_WRITE_ERROR && t->body.failed))
        finish_read(t);
    else if (result == CURLE_HTTP2 && t->writes > 0 && t->http->notes_reading && was_refused(t))
        finish_refused(t);
    else
        fail_as_libcurl_says(t, result);
}

const struct evs_answer *evs_transfer_answer(const struct evs_transfer *transfer)
{
    return &transfer->answer;
}

/* --- headers ---------------------------------------------------------------------------------- */

#ifdef HAVE_EASY_HEADER
struct evs_str evs_transfer_header(const struct evs_transfer *transfer, const char *name)
{
    struct curl_header *header;

    if (!transfer->easy ||
        curl_easy_header(transfer->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return (struct evs_str){0};
    return evs_str(header->value);
}
#else
struct evs_str evs_transfer_header(const struct evs_transfer *transfer, const char *name)
{
    struct evs_str all = evs_buf_str(&transfer->old_headers);
    struct evs_str wanted = evs_str(name);

    for (size_t start = 0, end; start < all.len; start = end + 1) {
        struct evs_str line = {all.data + start, 0};

        for (end = start; end < all.len && all.data[end] != '\n'; end++)
            ;
        line.len = end - start;
        if (line.len > 0 && line.data[line.len - 1] == '\r')
            line.len--;
        if (line.len > wanted.len && line.data[wanted.len] == ':' &&
            evs_str_equal_nocase((struct evs_str){line.data, wanted.len}, wanted)) {
            line.data += wanted.len + 1;
            line.len -= wanted.len + 1;
            return evs_str_trim(line);
        }
    }
    return (struct evs_str){0};
}
#endif

struct evs_str evs_transfer_request_id(const struct evs_transfer *transfer)
{
    struct evs_str id = {0};

    for (const char *const *name = evs_request_id_headers; *name && id.len == 0; name++)
        id = evs_transfer_header(transfer, *name);
    return id;
}
